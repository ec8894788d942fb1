/** Others write to the store, too, under keys of their own: what the checks may no longer conclude, and what they still must. */
import { equal, match } from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { isSerializable } from "../../../src/harness/checks/facts.ts";
import { judge, type RunRecords } from "../../../src/harness/checks/judge.ts";
import { readHeader } from "../../../src/harness/history/records.ts";
import type { RunEvent } from "../../../src/harness/model/events.ts";
import type { ObservedKeyValue, OperationResponse, WatchEventRecord } from "../../../src/harness/model/history.ts";
import type { CheckName } from "../../../src/harness/model/plan.ts";
import type { Verdict } from "../../../src/harness/model/verdict.ts";
import fc from "../../support/fast-check.ts";
import { HistoryBuilder, kv } from "./builder.ts";
import { type Simulated, simulate } from "./simulated.ts";

const CHECKS: readonly CheckName[] = ["linearizable", "serializable", "watch", "converged"];
const SHAPE = {
  operations: 60,
  keys: 3,
  clients: 4,
  members: 3,
  watchers: 3,
  unknown: 5,
  serializable: 40,
  writes: 50,
};
const MEMBERS = ["n1", "n2", "n3"];

function verdictOf(records: RunRecords): Verdict {
  return judge(records, { checks: CHECKS, windows: [], interruptedBy: null, nowMs: () => 0 });
}

/** The same history in a store in which others had written before it began and wrote before each of its own revisions. */
function amongOthers(prng: Prng, alone: Simulated): Omit<RunRecords, "leases"> & { readonly initialRevision: number } {
  const moved = [0, 10 + prng.below(1000)];
  const at = (revision: number): number => {
    while (moved.length <= revision) moved.push((moved.at(-1) as number) + 1 + prng.below(3));
    return moved[revision] as number;
  };
  /** What others wrote before the run began and a member had not applied when it was first asked. */
  const lag = new Map(MEMBERS.map((member) => [member, prng.below(5)]));
  const shown = (kv: ObservedKeyValue): ObservedKeyValue => ({
    ...kv,
    createRevision: at(kv.createRevision),
    modRevision: at(kv.modRevision),
  });
  const answer = (response: OperationResponse, behind: number): OperationResponse => {
    const revision = at(response.revision) - (response.revision === 1 ? behind : 0);
    if (response.kind !== "get" || response.kv === null) return { ...response, revision };
    return { ...response, revision, kv: shown(response.kv) };
  };
  const sent = ({ createRevision = 0, previous, ...event }: WatchEventRecord): WatchEventRecord => ({
    ...event,
    revision: at(event.revision),
    createRevision: at(createRevision),
    ...(previous === undefined ? {} : { previous: previous && shown(previous) }),
  });
  return {
    header: {
      type: "history",
      version: 1,
      run: "r",
      members: MEMBERS,
      initialRevision: at(1),
      watchers: 3,
      watchEventsLost: 0,
    },
    initialRevision: at(1),
    operations: alone.operations.map((operation) => {
      const { outcome, member } = operation;
      if (outcome.kind !== "ok") return operation;
      // Once it has confirmed a read it has caught up.
      const caughtUp = alone.operations.some(
        (other) => other.member === member && !isSerializable(other) && other.endNs < operation.startNs,
      );
      const behind = isSerializable(operation) && !caughtUp ? (lag.get(member) ?? 0) : 0;
      return { ...operation, outcome: { kind: "ok", response: answer(outcome.response, behind) } };
    }),
    watchEvents: alone.watchEvents.map(sent),
    watchers: alone.watchers.map((record) => ({ ...record, revision: at(record.revision) })),
    // Nobody stands still for a look at everybody.
    events: alone.events.map((event): RunEvent => {
      if (event.kind !== "converged") return event;
      const revisions = Object.entries(event.revisions).map(
        ([name, last]) => [name, at(last) + prng.below(4)] as const,
      );
      return { ...event, revisions: Object.fromEntries(revisions) };
    }),
  };
}

function shared(prng: Prng, alone: Simulated, exclusive: boolean): RunRecords {
  const records = amongOthers(prng, alone);
  return { ...records, leases: [], header: { ...records.header, exclusive } };
}

test("what a correct store does among other writers is valid, and would not be if they were not known of", () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const alone = simulate(new Prng(seed), SHAPE);
      const header = amongOthers(new Prng(seed), alone).header;
      const before = verdictOf({ ...alone, leases: [], header: { ...header, initialRevision: 1 } });
      const among = verdictOf(shared(new Prng(seed), alone, false));
      equal(among.verdict, before.verdict, JSON.stringify(among.checks, null, 1));
      equal(among.serializableAsLinearizable === "valid" && before.serializableAsLinearizable !== "valid", false);
      if (verdictOf(shared(new Prng(seed), alone, true)).verdict === "invalid") refused++;
    }),
    { numRuns: 60 },
  );
  equal(refused > 50, true, `${refused} of 60 were refused as a store of their own`);
});

test("a history says itself whether its store had other writers, and one that does not say had none", () => {
  const header = {
    type: "history",
    version: 1,
    run: "r",
    members: [],
    initialRevision: 1,
    watchers: 0,
    watchEventsLost: 0,
  };
  equal(readHeader(header).exclusive, undefined);
  equal(readHeader({ ...header, exclusive: true }).exclusive, undefined);
  equal(readHeader({ ...header, exclusive: false }).exclusive, false);
});

const final = { at: [900, 910], phase: "final" } as const;

function convergedAt(revisions: Readonly<Record<string, number>>, converged: boolean): Verdict["checks"][number] {
  const history = new HistoryBuilder().put("a", "1", 20, { at: [0, 10] }).get("a", kv("1", 20), 30, final);
  const { operations, watchEvents, watchers } = history;
  const header = readHeader({
    ...{
      type: "history",
      version: 1,
      run: "r",
      members: MEMBERS,
      initialRevision: 10,
      watchers: 0,
      watchEventsLost: 0,
    },
    exclusive: false,
  });
  const events: RunEvent[] = [{ atNs: 9e8, kind: "converged", converged, revisions, needed: 20 }];
  const records = { header, operations, watchEvents, watchers, leases: [], events };
  const verdict = judge(records, { checks: ["converged"], windows: [], interruptedBy: null, nowMs: () => 0 });
  return verdict.checks[0] as Verdict["checks"][number];
}

test("members converge on the run's own writes: what others add moves them apart and means nothing", () => {
  const apart = convergedAt({ n1: 20, n2: 25, n3: 31 }, true);
  equal(apart.verdict, "valid");
  match(apart.summary, /^All members reached rev 20 and /);
  const behind = convergedAt({ n1: 20, n2: 19, n3: 31 }, false);
  equal(behind.verdict, "invalid");
  match(behind.findings[0]?.text ?? "", /the members did not all reach rev 20: n1 rev 20, n2 rev 19, n3 rev 31/);
  equal(convergedAt({ n1: 20, n2: -1, n3: 31 }, false).verdict, "unknown");
});

test("a serializable read from before what others had written is old; a key in it from before the run is wrong", () => {
  const read = (shown: ReturnType<typeof kv> | null): string => {
    const { operations, watchEvents, watchers } = new HistoryBuilder().get("a", shown, 7, {
      at: [0, 10],
      serializable: true,
    });
    const header = {
      type: "history",
      version: 1,
      run: "r",
      members: MEMBERS,
      watchers: 0,
      watchEventsLost: 0,
    } as const;
    const records = { operations, watchEvents, watchers, leases: [], events: [] };
    const options = { checks: ["serializable"], windows: [], interruptedBy: null, nowMs: () => 0 } as const;
    return judge({ ...records, header: { ...header, initialRevision: 10, exclusive: false } }, options).verdict;
  };
  equal(read(null), "valid");
  equal(read(kv("1", 6)), "invalid");
});
