import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Prng } from "../../../src/base/prng.ts";
import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import type { ByteStream, StreamAddress, StreamListener } from "../../../src/env/streams.ts";
import { SILENT } from "../../../src/env/trace.ts";
import { GrpcServer } from "../../../src/grpc/server.ts";
import { Recorder } from "../../../src/harness/history/recorder.ts";
import { LoadError } from "../../../src/harness/load/driver.ts";
import { Leases, type LeasesOptions, leaseName } from "../../../src/harness/load/leases.ts";
import type { LeaseRecord } from "../../../src/harness/model/history.ts";
import type { LeasePlan } from "../../../src/harness/model/plan.ts";
import {
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseTimeToLiveResponse,
} from "../../../src/proto/gen/etcdserverpb.ts";
import { Lease } from "../../../src/proto/gen/rpc.ts";

const PLAN: LeasePlan = { count: 6, ttlSeconds: 5, keepAliveEveryMs: 10, through: "any" };
/** Top bit set: as a signed number it is below zero. */
const FIRST_LEASE = 0x7fff_ffff_ffff_fff0n;

/** A store of leases behind one address. */
class LeaseServer {
  readonly gone = new Set<bigint>();
  /** While set, keepalives are taken and not answered. */
  silent = false;
  unanswered = 0;
  streamsOpened = 0;
  connections = 0;
  #next = FIRST_LEASE;
  readonly #grpc = new GrpcServer({ trace: SILENT, clock: nodeClock });
  readonly #sockets = new Set<ByteStream>();
  #listener: StreamListener | null = null;

  constructor(grants = true) {
    if (!grants) return;
    this.#grpc.unary(Lease.LeaseGrant, ({ ttl }) => LeaseGrantResponse.create({ id: this.#next++, ttl }));
    this.#grpc.unary(Lease.LeaseTimeToLive, ({ id }) =>
      LeaseTimeToLiveResponse.create(this.gone.has(id) ? { id, ttl: -1 } : { id, ttl: 4, grantedTtl: 5 }),
    );
    this.#grpc.streaming(Lease.LeaseKeepAlive, (stream) => {
      this.streamsOpened++;
      stream.receive({
        message: ({ id }) => {
          if (this.silent) this.unanswered++;
          else stream.send(LeaseKeepAliveResponse.create({ id, ttl: this.gone.has(id) ? 0 : 5 }));
        },
        ended: () => stream.end(),
        cancelled: () => {},
      });
    });
  }

  async listen(): Promise<StreamAddress> {
    this.#listener = await nodeStreams.listen({ host: "127.0.0.1", port: 0 }, (stream) => {
      this.#sockets.add(stream);
      this.connections++;
      this.#grpc.accept(stream);
    });
    return this.#listener.address;
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    await this.#grpc.close(0);
    this.breakConnections();
  }
}

interface Scene {
  readonly servers: readonly LeaseServer[];
  readonly leases: Leases;
  records(): readonly LeaseRecord[];
  /** Waits until the records satisfy it. */
  until(what: (records: readonly LeaseRecord[]) => boolean): Promise<void>;
}

interface Changes {
  readonly plan?: Partial<LeasePlan>;
  readonly leader?: string | null;
  readonly deadlineMs?: number;
  readonly openMs?: number;
  readonly grants?: boolean;
}

async function withLeases(changes: Changes, use: (scene: Scene) => Promise<void>): Promise<void> {
  const { plan, leader = "n1", deadlineMs = 60_000, openMs, grants = true } = changes;
  const servers = Array.from({ length: 3 }, () => new LeaseServer(grants));
  const recorder = new Recorder({ members: [], clients: [], watchers: [], phases: [], keyText: String });
  const records = (): readonly LeaseRecord[] =>
    [...recorder.records()].filter((record): record is LeaseRecord => record.type === "lease");
  try {
    const addresses = await Promise.all(servers.map((server) => server.listen()));
    const options: LeasesOptions = {
      plan: { ...PLAN, ...plan },
      members: addresses.map((address, i) => ({ name: `n${i + 1}`, address })),
      leader,
      deadlineMs,
      network: nodeStreams,
      clock: nodeClock,
      originMs: nodeClock.monotonicMs(),
      prng: new Prng(1),
      recorder,
      signal: new AbortController().signal,
      ...(openMs === undefined ? {} : { openMs }),
    };
    const leases = await Leases.open(options);
    try {
      const until = async (what: (records: readonly LeaseRecord[]) => boolean): Promise<void> => {
        while (!what(records())) await delay(5);
      };
      await use({ servers, leases, records, until });
    } finally {
      leases.close();
    }
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

function kept(records: readonly LeaseRecord[]): readonly LeaseRecord[] {
  return records.filter(({ action, outcome }) => action === "keepalive" && outcome.kind === "ok");
}

/** How many different leases have been kept alive through each of these members. */
function leasesOf(records: readonly LeaseRecord[], ...members: readonly string[]): readonly number[] {
  return members.map(
    (name) => new Set(kept(records).flatMap(({ member, lease }) => (member === name ? [lease] : []))).size,
  );
}

test("leases are granted, kept alive through the members in turn, and asked for at the end", async () => {
  await withLeases({}, async ({ leases, records, until }) => {
    await until((all) => leasesOf(all, "n1", "n2", "n3").every((count) => count === 2) && kept(all).length > 12);
    await leases.end();
    const all = records();
    const granted = all.filter(({ action }) => action === "grant");
    assert.equal(granted.length, 6);
    assert.ok(all.every(({ startNs, endNs }) => startNs <= endNs));
    const asked = all.filter(({ action }) => action === "time-to-live");
    assert.deepEqual(asked.map(({ lease }) => lease).sort(), granted.map(({ lease }) => lease).sort());
    for (const { outcome } of asked) assert.deepEqual(outcome, { kind: "ok", ttlSeconds: 4 });
    assert.ok(kept(all).length > 12, "each was kept more than twice");
  });
});

test("through followers, nobody asks whoever led when the load began", async () => {
  await withLeases({ plan: { through: "followers" }, leader: "n2" }, async ({ servers, until }) => {
    await until((all) => leasesOf(all, "n1", "n3").every((count) => count === 3));
    assert.equal(servers[1]?.connections, 0);
  });
});

test("through every member, a lease is kept alive by each", async () => {
  await withLeases({ plan: { through: "every", count: 1 } }, async ({ until }) => {
    await until((all) => leasesOf(all, "n1", "n2", "n3").every((count) => count === 1));
  });
});

test("a lease that the store does not know is recorded once and left alone", async () => {
  await withLeases({ plan: { count: 1 } }, async ({ servers, leases, records, until }) => {
    await until((all) => kept(all).length > 0);
    servers[0]?.gone.add(FIRST_LEASE);
    const isGone = ({ outcome }: LeaseRecord): boolean => outcome.kind === "ok" && outcome.ttlSeconds <= 0;
    await until((all) => all.some(isGone));
    await leases.end();
    assert.deepEqual(
      records()
        .filter(isGone)
        .map(({ action, lease, outcome }) => ({ action, lease, outcome })),
      [
        { action: "keepalive", lease: leaseName(FIRST_LEASE), outcome: { kind: "ok", ttlSeconds: 0 } },
        { action: "time-to-live", lease: leaseName(FIRST_LEASE), outcome: { kind: "ok", ttlSeconds: -1 } },
      ],
    );
  });
});

test("a keepalive without an answer by the deadline is of unknown outcome, and a new stream goes on", async () => {
  await withLeases({ plan: { count: 1 }, deadlineMs: 30 }, async ({ servers, until }) => {
    const server = servers[0] as LeaseServer;
    await until((all) => kept(all).length > 0);
    const before = server.streamsOpened;
    server.silent = true;
    const late = ({ outcome }: LeaseRecord): boolean =>
      outcome.kind === "unknown" && outcome.reason === "no answer by the deadline";
    await until((all) => all.some(late));
    server.silent = false;
    await until((all) => {
      const last = all.findLast(late);
      return last !== undefined && kept(all).some(({ startNs }) => startNs >= last.endNs);
    });
    assert.ok(server.streamsOpened > before);
  });
});

test("after its connection broke a client comes back to its member and goes on", async () => {
  await withLeases({ plan: { count: 2 } }, async ({ servers, until, records }) => {
    await until((all) => leasesOf(all, "n1", "n2").every((count) => count === 1));
    const brokenNs = Math.max(...records().map(({ endNs }) => endNs));
    for (const server of servers) server.breakConnections();
    for (const member of ["n1", "n2"])
      await until((all) => kept(all).some((each) => each.member === member && each.startNs > brokenNs));
  });
});

test("what is in flight when the load ends is of unknown outcome, and close may be called again", async () => {
  await withLeases({ plan: { count: 1 } }, async ({ servers, leases, records }) => {
    const server = servers[0] as LeaseServer;
    server.silent = true;
    while (server.unanswered === 0) await delay(5);
    leases.close();
    leases.close();
    assert.deepEqual(records().at(-1)?.outcome, { kind: "unknown", reason: "the load is over" });
  });
});

test("a store that grants no leases is told so at once", async () => {
  await assert.rejects(
    withLeases({ grants: false }, () => Promise.resolve()),
    (error) => error instanceof LoadError && /the target does not grant leases \(unimplemented: /.test(error.message),
  );
});

test("without a leader there are no followers to go through", async () => {
  await assert.rejects(
    withLeases({ plan: { through: "followers" }, leader: null }, () => Promise.resolve()),
    /there is no leader, so no followers/,
  );
});

test("a lease's name is what etcdctl prints: sixteen digits, without a sign", () => {
  assert.equal(leaseName(FIRST_LEASE), "7ffffffffffffff0");
  assert.equal(leaseName(-1n), "ffffffffffffffff");
  assert.equal(leaseName(10n), "000000000000000a");
});
