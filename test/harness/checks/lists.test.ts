/** Lists show one revision, whole; what is compacted is refused and nothing else. Judged against stores replayed by hand, and broken ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLists } from "../../../src/harness/checks/lists.ts";
import type { CompactionRecord, ListRecord, ObservedKeyValue } from "../../../src/harness/model/history.ts";
import fc from "../../support/fast-check.ts";
import { HistoryBuilder } from "./builder.ts";

const MS = 1e6;
const COMPACTED = "out of range: etcdserver: mvcc: required revision has been compacted";
const FUTURE = "out of range: etcdserver: mvcc: required revision is a future revision";

type Ok = Extract<ListRecord["outcome"], { kind: "ok" }>;
type Kv = ObservedKeyValue & { readonly key: string };

function list(atMs: number, request: Partial<ListRecord["request"]>, outcome: ListRecord["outcome"]): ListRecord {
  const all = { from: "k", to: "l", limit: 0, revision: 0, countOnly: false, stream: false };
  return {
    type: "list",
    member: "n1",
    request: { ...all, ...request },
    startNs: atMs * MS,
    endNs: (atMs + 0.5) * MS,
    outcome,
  };
}

function compaction(atMs: number, revision: number, outcome: CompactionRecord["outcome"]): CompactionRecord {
  return { type: "compaction", member: "n1", revision, startNs: atMs * MS, endNs: (atMs + 0.5) * MS, outcome };
}

/** Writes one after the other, the n-th at millisecond 2n, and what the store held at each revision. */
interface Story {
  readonly builder: HistoryBuilder;
  readonly states: readonly (readonly Kv[])[];
}

type Step = { readonly key: number; readonly deletion: boolean };

/** Revision r is in `states[r]`; 1 is the empty store. */
function tell(steps: readonly Step[]): Story {
  const builder = new HistoryBuilder();
  const held = new Map<string, Kv>();
  const states: (readonly Kv[])[] = [[], []];
  for (const [i, { key: number, deletion }] of steps.entries()) {
    const key = `k${number}`;
    const at = [2 * i, 2 * i + 1] as const;
    const before = held.get(key);
    const revision = states.length;
    if (deletion && before === undefined) continue;
    if (deletion) {
      held.delete(key);
      builder.delete(key, 1, revision, { at });
    } else {
      const value = `v${i}`;
      const createRevision = before?.createRevision ?? revision;
      held.set(key, { key, value, createRevision, modRevision: revision, version: (before?.version ?? 0) + 1 });
      builder.put(key, value, revision, { at });
    }
    states.push([...held.values()].sort((a, b) => (a.key < b.key ? -1 : 1)));
  }
  return { builder, states };
}

function shown(kvs: readonly Kv[], revision: number, limit = 0): Ok {
  const cut = limit === 0 ? kvs : kvs.slice(0, limit);
  return { kind: "ok", revision, count: kvs.length, more: cut.length < kvs.length, kvs: cut };
}

function verdictOf(story: Story, lists: readonly ListRecord[], compactions: readonly CompactionRecord[] = []) {
  return checkLists(story.builder.operations, lists, compactions, { initialRevision: 1 });
}

const steps = fc.array(fc.record({ key: fc.nat(6), deletion: fc.boolean() }), { minLength: 4, maxLength: 40 });
const AFTER = 1000;

test("every list of a correct store is taken, at any revision, in pages, as a count", () => {
  fc.assert(
    fc.property(steps, fc.nat(), fc.integer({ min: 1, max: 4 }), (written, pick, limit) => {
      const story = tell(written);
      const newest = story.states.length - 1;
      const revision = 1 + (pick % newest);
      const kvs = story.states[revision] as readonly Kv[];
      const page = shown(kvs, newest, limit);
      const rest = kvs.slice(limit);
      const lists = [
        list(AFTER, { revision }, shown(kvs, newest)),
        list(AFTER, { revision, limit }, page),
        list(AFTER, { revision, countOnly: true }, { ...shown(kvs, newest), kvs: [], more: false }),
        list(AFTER, {}, shown(story.states[newest] as readonly Kv[], newest)),
        ...(rest.length > 0 ? [list(AFTER, { revision, from: `${page.kvs.at(-1)?.key}\0` }, shown(rest, newest))] : []),
      ];
      const { verdict, findings } = verdictOf(story, lists);
      assert.equal(verdict, "valid", findings[0]?.text);
    }),
  );
});

test("a list that lacks a key, has one too many, an old or a foreign value, or the wrong order, count or end is found", () => {
  const swap = (kvs: readonly Kv[]): readonly Kv[] => [kvs[1] as Kv, kvs[0] as Kv, ...kvs.slice(2)];
  const sins: Readonly<Record<string, (right: Ok) => Ok>> = {
    "a key is missing": (right) => ({ ...right, kvs: right.kvs.slice(1), count: right.count - 1 }),
    "a key too many": (right) => ({
      ...right,
      kvs: [...right.kvs, { key: "kz", value: "v", createRevision: 2, modRevision: 2, version: 1 }],
      count: right.count + 1,
    }),
    "another value": (right) => ({ ...right, kvs: [{ ...(right.kvs[0] as Kv), value: "x" }, ...right.kvs.slice(1)] }),
    "an order of its own": (right) => ({ ...right, kvs: swap(right.kvs) }),
    "a count too high": (right) => ({ ...right, count: right.count + 1, more: false }),
    "more, where there is none": (right) => ({ ...right, more: true }),
    "an old revision": (right) => ({ ...right, revision: right.revision - 1 }),
  };
  fc.assert(
    fc.property(steps, fc.constantFrom(...Object.keys(sins)), (written, sin) => {
      const story = tell([...written, { key: 7, deletion: false }, { key: 8, deletion: false }]);
      const newest = story.states.length - 1;
      const right = shown(story.states[newest] as readonly Kv[], newest);
      const wrong = (sins[sin] as (right: Ok) => Ok)(right);
      assert.equal(verdictOf(story, [list(AFTER, {}, wrong)]).verdict, "invalid", sin);
    }),
  );
});

test("a list shows what was written by its revision and nothing later", () => {
  const story = tell([
    { key: 1, deletion: false },
    { key: 1, deletion: false },
    { key: 2, deletion: false },
  ]);
  const [, , first, second] = story.states as readonly (readonly Kv[])[];
  assert.equal(verdictOf(story, [list(AFTER, { revision: 2 }, shown(first as Kv[], 4))]).verdict, "valid");
  assert.equal(verdictOf(story, [list(AFTER, { revision: 2 }, shown(second as Kv[], 4))]).verdict, "invalid");
  assert.equal(verdictOf(story, [list(AFTER, { revision: 3 }, shown(first as Kv[], 4))]).verdict, "invalid");
});

test("writes of unknown outcome may show in a list or not", () => {
  const story = tell([{ key: 1, deletion: false }]);
  story.builder.put("k2", "maybe", "unknown", { at: [10, 11] });
  story.builder.delete("k1", 1, "unknown", { at: [10, 11] });
  const one = (story.states[2] as readonly Kv[])[0] as Kv;
  const two: Kv = { key: "k2", value: "maybe", createRevision: 3, modRevision: 3, version: 1 };
  for (const kvs of [[one], [one, two], [two], []])
    assert.equal(verdictOf(story, [list(AFTER, {}, shown(kvs, 4))]).verdict, "valid", JSON.stringify(kvs));
  const early = list(5, {}, shown([one, two], 3));
  assert.equal(verdictOf(story, [{ ...early, endNs: 6 * MS }]).verdict, "invalid", "not before it was called");
});

test("below an acknowledged compaction a list is refused; above it, or before it, it is not", () => {
  const story = tell([
    { key: 1, deletion: false },
    { key: 1, deletion: false },
    { key: 1, deletion: false },
  ]);
  const right = shown(story.states[2] as readonly Kv[], 4);
  const refused = { kind: "failed", reason: COMPACTED } as const;
  const done = compaction(100, 3, { kind: "ok" });
  const cases: readonly (readonly [ListRecord, CompactionRecord, "valid" | "invalid"])[] = [
    [list(AFTER, { revision: 2 }, refused), done, "valid"],
    [list(AFTER, { revision: 2 }, right), done, "invalid"],
    [list(100.2, { revision: 2 }, right), done, "valid"],
    [list(100.2, { revision: 2 }, refused), done, "valid"],
    [list(50, { revision: 2 }, refused), done, "invalid"],
    [list(AFTER, { revision: 3 }, refused), done, "invalid"],
    [list(AFTER, {}, refused), done, "invalid"],
    [list(AFTER, { revision: 2 }, refused), compaction(100, 3, { kind: "unknown", reason: "" }), "valid"],
    [list(AFTER, { revision: 2 }, refused), compaction(100, 3, { kind: "failed", reason: COMPACTED }), "invalid"],
  ];
  for (const [i, [asked, compacted, verdict]] of cases.entries())
    assert.equal(verdictOf(story, [asked], [compacted]).verdict, verdict, `case ${i}`);
});

test("a revision that was acknowledged is no future one, one that was not is", () => {
  const story = tell([{ key: 1, deletion: false }]);
  const refused = { kind: "failed", reason: FUTURE } as const;
  assert.equal(verdictOf(story, [list(AFTER, { revision: 2 }, refused)]).verdict, "invalid");
  assert.equal(verdictOf(story, [list(AFTER, { revision: 3 }, refused)]).verdict, "valid");
  const right = shown(story.states[2] as readonly Kv[], 2);
  assert.equal(verdictOf(story, [list(AFTER, { revision: 3 }, right)]).verdict, "invalid");
});

test("of two compactions to one revision the second is refused, and none is without cause", () => {
  const story = tell([{ key: 1, deletion: false }]);
  const asked = list(AFTER, {}, shown(story.states[2] as readonly Kv[], 2));
  const first = compaction(10, 2, { kind: "ok" });
  const refused = compaction(20, 2, { kind: "failed", reason: COMPACTED });
  assert.equal(verdictOf(story, [asked], [first, refused]).verdict, "valid");
  assert.equal(verdictOf(story, [asked], [first, compaction(20, 2, { kind: "ok" })]).verdict, "invalid");
  assert.equal(verdictOf(story, [asked], [refused]).verdict, "invalid");
});

test("without any answered list nothing is decided", () => {
  assert.equal(verdictOf(tell([]), []).verdict, "unknown");
});
