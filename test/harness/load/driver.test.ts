import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import { LoadDriver, LoadError, type LoadOptions } from "../../../src/harness/load/driver.ts";
import type { RunEvent } from "../../../src/harness/model/events.ts";
import type {
  HistoryRecord,
  ListRecord,
  OperationRecord,
  WatchEventRecord,
} from "../../../src/harness/model/history.ts";
import type { Phase } from "../../../src/harness/model/plan.ts";
import { TinyServer } from "./tiny-server.ts";

const MEMBERS = 3;
/** Where time is not what is tested, none may pass for a failure: a busy machine stands still for seconds. */
const LONG_MS = 60_000;
const open: Phase = {
  name: "open",
  loop: { kind: "open", ratePerSecond: 2000, arrivals: "poisson" },
  durationMs: 300,
  mix: { "get-linearizable": 2, "get-serializable": 2, put: 3, delete: 1 },
  measured: true,
};
const closed: Phase = { ...open, name: "closed", loop: { kind: "closed", concurrency: 12 }, durationMs: 150 };
const plan: LoadOptions["plan"] = {
  keys: { prefix: "k/", count: 20, distribution: "uniform", valueBytes: 64 },
  clients: { connectionsPerMember: 2, deadlineMs: LONG_MS, watchersPerMember: 1 },
  phases: [closed, open],
};

interface Scene {
  readonly server: TinyServer;
  readonly driver: LoadDriver;
  readonly events: RunEvent[];
  readonly abort: AbortController;
}

async function withDriver(use: (scene: Scene) => Promise<void>, changes: Partial<LoadOptions> = {}): Promise<void> {
  const server = new TinyServer();
  const abort = new AbortController();
  const events: RunEvent[] = [];
  try {
    const driver = await LoadDriver.open({ ...(await optionsFor(server, events, abort)), ...changes });
    try {
      await use({ server, driver, events, abort });
    } finally {
      driver.close();
    }
  } finally {
    await server.close();
  }
}

async function optionsFor(server: TinyServer, events: RunEvent[], abort: AbortController): Promise<LoadOptions> {
  const names = Array.from({ length: MEMBERS }, (_, i) => `n${i + 1}`);
  return {
    members: await Promise.all(names.map(async (name) => ({ name, address: await server.listen() }))),
    plan,
    network: nodeStreams,
    clock: nodeClock,
    originMs: nodeClock.monotonicMs(),
    prng: new Prng(42),
    signal: abort.signal,
    onEvent: (event) => events.push(event),
  };
}

function ofType<Type extends HistoryRecord["type"]>(
  driver: LoadDriver,
  type: Type,
): Extract<HistoryRecord, { type: Type }>[] {
  return [...driver.recorder.records()].filter(
    (one): one is Extract<HistoryRecord, { type: Type }> => one.type === type,
  );
}

/** The store's contents as the acknowledged writes say, in the order of their revisions. */
function replay(operations: readonly OperationRecord[]): Map<string, string> {
  const writes = operations.flatMap(({ request, outcome }) => {
    if (outcome.kind !== "ok" || request.kind === "get") return [];
    if (outcome.response.kind === "delete" && outcome.response.deleted === 0) return [];
    return [{ request, revision: outcome.response.revision }];
  });
  const store = new Map<string, string>();
  for (const { request } of writes.sort((a, b) => a.revision - b.revision)) {
    if (request.kind === "put") store.set(request.key, request.value);
    else store.delete(request.key);
  }
  return store;
}

test("what a server cannot do is left out of what API servers do, and said once: lists without a stream", async () => {
  const phase = { ...closed, durationMs: 50 };
  const kubernetes = { apiServers: MEMBERS, pageKeys: 5, listEveryMs: 5, compactEveryMs: LONG_MS, keysPerLease: 10 };
  const changes = { plan: { ...plan, phases: [phase], kubernetes } };
  await withDriver(async ({ driver, events }) => {
    const complete = (list: ListRecord): boolean => list.request.limit === 0 && !list.request.countOnly;
    const listed = (): Set<string> =>
      new Set(
        ofType(driver, "list")
          .filter(complete)
          .map(({ member }) => member),
      );
    while (listed().size < MEMBERS) await driver.runPhase(phase);
    await driver.runPhase(phase);
    const notes = events.flatMap((event) => (event.kind === "note" ? [event.text] : []));
    assert.deepEqual(
      notes.sort(),
      ["n1", "n2", "n3"].map(
        (n) => `${n} knows no RangeStream (new in etcd 3.7): there is no list as a stream from it`,
      ),
    );
    const lists = ofType(driver, "list");
    assert.ok(lists.every(({ request, outcome }) => !request.stream && outcome.kind === "ok"));
  }, changes);
});

test("a whole run against a correct store: every operation answered, every event seen, the last reads agree", async () => {
  await withDriver(async ({ driver, events }) => {
    assert.equal(driver.initialRevision, 1);
    const runs = [await driver.runPhase(closed), await driver.runPhase(open), await driver.finalReads(LONG_MS)];
    assert.equal(await driver.watchersCaughtUp(LONG_MS), true);
    driver.close();

    const operations = ofType(driver, "operation");
    assert.ok(operations.every(({ outcome }) => outcome.kind === "ok"));
    const final = operations.filter(({ phase }) => phase === "final");
    assert.equal(final.length, plan.keys.count * MEMBERS);
    const store = replay(operations);
    for (const { request, outcome } of final) {
      assert.ok(outcome.kind === "ok" && outcome.response.kind === "get");
      assert.equal(outcome.response.kv?.value, store.get(request.key));
    }

    const writes = operations.filter(({ request, outcome }) => {
      if (request.kind === "put") return true;
      return (
        request.kind === "delete" &&
        outcome.kind === "ok" &&
        outcome.response.kind === "delete" &&
        outcome.response.deleted > 0
      );
    });
    const seen = ofType(driver, "event");
    assert.equal(seen.length, writes.length * MEMBERS);
    assertInOrder(seen);
    assert.deepEqual(
      ofType(driver, "watcher")
        .map(({ what, watcher }) => `${what} ${watcher}`)
        .sort(),
      ["closed 0", "closed 1", "closed 2", "opened 0", "opened 1", "opened 2"],
    );

    assert.deepEqual(
      events.map((event) => `${event.kind} ${"phase" in event ? event.phase : ""}`),
      ["closed", "open", "final"].flatMap((phase) => [`phase-started ${phase}`, `phase-ended ${phase}`]),
    );
    for (const { startNs, stopNs, endNs, unsent } of runs)
      assert.ok(startNs <= stopNs && stopNs <= endNs && unsent === 0);
    const members = new Set(operations.map(({ client, member }) => `${client} ${member}`));
    assert.deepEqual([...members].sort(), ["0 n1", "1 n2", "2 n3", "3 n1", "4 n2", "5 n3"]);
  });
});

function assertInOrder(events: readonly WatchEventRecord[]): void {
  for (let watcher = 0; watcher < MEMBERS; watcher++) {
    const revisions = events.filter((event) => event.watcher === watcher).map(({ revision }) => revision);
    assert.ok(
      revisions.every((revision, i) => revision === i + 2),
      "revisions from 2 on without a gap",
    );
  }
}

test("one seed, one sequence of requests in an open loop", async () => {
  const sequence = async (): Promise<unknown> => {
    let requests: unknown;
    await withDriver(
      async ({ driver }) => {
        const { startNs } = await driver.runPhase(open);
        requests = ofType(driver, "operation").map(({ request, client, intendedNs }) => [
          request.kind,
          request.key,
          client,
          // The loop begins a little after the phase: only the gaps are the schedule's.
          intendedNs - (ofType(driver, "operation")[0]?.intendedNs ?? startNs),
        ]);
      },
      { plan: { ...plan, phases: [closed, open] } },
    );
    return requests;
  };
  assert.deepEqual(await sequence(), await sequence());
});

test("after a break, clients and watchers come back to their member and nothing is missed", async () => {
  await withDriver(async ({ driver, server }) => {
    const phase = driver.runPhase(open);
    await until(() => driver.progress().ok > 100);
    server.breakConnections();
    await phase;
    await driver.finalReads(LONG_MS);
    assert.equal(await driver.watchersCaughtUp(LONG_MS), true);
    driver.close();
    const operations = ofType(driver, "operation");
    assert.ok(operations.some(({ outcome }) => outcome.kind !== "ok"));
    assert.ok(operations.filter(({ phase }) => phase === "final").every(({ outcome }) => outcome.kind === "ok"));
    assertInOrder(ofType(driver, "event"));
    const lives = ofType(driver, "watcher").filter(({ watcher }) => watcher === 0);
    assert.deepEqual(
      lives.map(({ what }) => what),
      ["opened", "closed", "opened", "closed"],
    );
    assert.equal(lives[2]?.revision, (lives[1]?.revision as number) + 1);
  });
});

test("a write that is not answered by its deadline is unknown, and its event may still come", async () => {
  const puts: Phase = {
    ...open,
    name: "puts",
    mix: { put: 1 },
    durationMs: 50,
    loop: { kind: "open", ratePerSecond: 200, arrivals: "even" },
  };
  const changed = { ...plan, phases: [puts], clients: { ...plan.clients, deadlineMs: 50 } };
  await withDriver(
    async ({ driver, server }) => {
      let release = (): void => {};
      server.gate = new Promise((resolve) => {
        release = resolve;
      });
      await driver.runPhase(puts);
      release();
      await until(() => server.revision > 1);
      await driver.finalReads(LONG_MS);
      await driver.watchersCaughtUp(LONG_MS);
      const operations = ofType(driver, "operation").filter(({ phase }) => phase === "puts");
      assert.ok(operations.length > 0 && operations.every(({ outcome }) => outcome.kind === "unknown"));
      assert.ok(ofType(driver, "event").length > 0);
    },
    { plan: changed },
  );
});

test("an abort ends a phase early and keeps what was recorded", async () => {
  const long: Phase = { ...open, durationMs: 60_000 };
  await withDriver(
    async ({ driver, abort }) => {
      const phase = driver.runPhase(long);
      await until(() => driver.progress().ok > 20);
      abort.abort();
      await phase;
      const { phase: running, inFlight, ok } = driver.progress();
      assert.deepEqual([running, inFlight], [null, 0]);
      assert.equal(ofType(driver, "operation").length, ok);
    },
    { plan: { ...plan, phases: [long] } },
  );
});

test("a store that holds keys of the run already is refused", async () => {
  const server = new TinyServer();
  try {
    const options = await optionsFor(server, [], new AbortController());
    const first = await LoadDriver.open(options);
    await first.runPhase(closed);
    first.close();
    await assert.rejects(
      LoadDriver.open(options),
      (error) => error instanceof LoadError && /are there already/.test(error.message),
    );
  } finally {
    await server.close();
  }
});

test("a member that cannot be reached is named", async () => {
  const server = new TinyServer();
  try {
    const options = await optionsFor(server, [], new AbortController());
    const closedPort = await nodeStreams.listen({ host: "127.0.0.1", port: 0 }, (stream) => stream.destroy());
    await closedPort.close();
    const members = [...options.members.slice(0, 2), { name: "n3", address: closedPort.address }];
    await assert.rejects(LoadDriver.open({ ...options, members, openMs: 200 }), /no connection to n3 within 200 ms/);
  } finally {
    await server.close();
  }
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
