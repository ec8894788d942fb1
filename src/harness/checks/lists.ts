import type { CompactionRecord, ListRecord, OperationRecord } from "../model/history.ts";
import type { CheckResult } from "../model/verdict.ts";
import { Acknowledged } from "./acknowledged.ts";
import { answeredOf, isSerializable, type KnownWrite, StoreFacts } from "./facts.ts";
import { content, count, describe, Findings, moment } from "./findings.ts";

export interface ListsOptions {
  readonly initialRevision: number;
}

type Ok = Extract<ListRecord["outcome"], { kind: "ok" }>;

/** etcd's own words; the reason in the history has the code before them. */
const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const FUTURE = "etcdserver: mvcc: required revision is a future revision";

/**
 * Ranges over many keys, in pages, as streams or as counts: each shows the store as it was at one revision, the one asked for or, where
 * none was, one that is not older than anything acknowledged before it was asked. What was compacted is refused in etcd's words, from
 * the moment a compaction is acknowledged; nothing else is; and nobody sees a revision that is still to come.
 */
export function checkLists(
  operations: readonly OperationRecord[],
  lists: readonly ListRecord[],
  compactions: readonly CompactionRecord[],
  options: ListsOptions,
): CheckResult {
  const facts = new StoreFacts(operations, options.initialRevision);
  const findings = new Findings();
  const answered = operations.map(answeredOf).filter((each) => each !== null && !isSerializable(each.operation));
  const acknowledged = new Acknowledged(answered.filter((each) => each !== null));
  const keys = keysOf(facts, operations);
  let judged = 0;
  for (const list of [...lists].sort((a, b) => a.startNs - b.startNs)) {
    const wrong = (text: string): void => findings.add(`${nameOf(list)} ${text}`, [], list.startNs);
    const newest = acknowledged.before(list.startNs)?.response.revision ?? options.initialRevision;
    const refusal = refusalOf(list.outcome);
    if (refusal !== null) {
      judged++;
      checkRefusal(list, refusal, newest, compactions, wrong);
    } else if (list.outcome.kind === "ok") {
      judged++;
      checkRevision(list, list.outcome, newest, compactions, wrong);
      checkContent(list, list.outcome, facts, keys, wrong);
    }
  }
  for (const compaction of compactions) checkCompaction(compaction, compactions, findings);
  if (judged === 0) return findings.result("lists", "unknown", "No list was answered: nothing to judge.");
  const done = compactions.filter(({ outcome }) => outcome.kind === "ok").length;
  const scope = `${count(judged, "list")}, ${count(done, "compaction")}`;
  return findings.result(
    "lists",
    "valid",
    findings.total > 0
      ? `${scope}: ${count(findings.total, "contradiction")}.`
      : `${scope}: each showed one revision, whole, and only what was compacted was refused.`,
  );
}

function checkRevision(
  { request, startNs }: ListRecord,
  { revision }: Ok,
  newest: number,
  compactions: readonly CompactionRecord[],
  wrong: (text: string) => void,
): void {
  if (revision < newest) wrong(`read rev ${revision} after rev ${newest} had been acknowledged`);
  if (request.revision > revision) wrong(`was answered, but the store was at rev ${revision}`);
  const forgotten = compactions.find(
    ({ outcome, endNs, revision: to }) => outcome.kind === "ok" && endNs < startNs && to > request.revision,
  );
  if (request.revision > 0 && forgotten !== undefined)
    wrong(`was answered, but a compaction to rev ${forgotten.revision} had ended at ${moment(forgotten.endNs)}`);
}

/** The answer as of its revision: in order, within its limits, and neither more nor less than the store can have held. */
function checkContent(
  list: ListRecord,
  outcome: Ok,
  facts: StoreFacts,
  keys: readonly string[],
  wrong: (text: string) => void,
): void {
  const { request } = list;
  const { kvs, more } = outcome;
  const at = request.revision > 0 ? request.revision : outcome.revision;
  let previous = "";
  const shown = new Set<string>();
  for (const kv of kvs) {
    if (kv.key < request.from || kv.key >= request.to) wrong(`was shown ${kv.key}, which lies outside it`);
    if (previous !== "" && kv.key <= previous) wrong(`was shown ${kv.key} after ${previous}`);
    previous = kv.key;
    shown.add(kv.key);
    if (kv.modRevision > at) wrong(`was shown ${content(kv.key, kv)}, later than rev ${at}`);
    const author = facts.author(kv.key, kv.value, kv.modRevision);
    if (author.kind !== "known" && author.kind !== "unknown")
      wrong(`was shown ${content(kv.key, kv)}: nobody wrote that`);
    const last = facts.lastWrite(kv.key, at);
    if (last !== null && last.revision > kv.modRevision)
      wrong(`was shown ${content(kv.key, kv)}, but by rev ${at} rev ${last.revision} was ${describe(last.operation)}`);
  }
  if (request.limit > 0 && kvs.length > request.limit) wrong(`was shown ${kvs.length} keys`);
  if (request.countOnly ? kvs.length > 0 || more : more !== (request.limit > 0 && outcome.count > kvs.length))
    wrong(`was shown ${kvs.length} of ${outcome.count} keys and that there are ${more ? "" : "no "}more`);
  checkCount(list, outcome, at, facts, keys, shown, wrong);
}

/** Keys that must have been there, and those that may have been: `shown` and the count lie between. */
function checkCount(
  { request, endNs }: ListRecord,
  { count: counted, more, kvs }: Ok,
  at: number,
  facts: StoreFacts,
  keys: readonly string[],
  shown: ReadonlySet<string>,
  wrong: (text: string) => void,
): void {
  // Behind the last key of a page begins the next page.
  const end = more ? `${kvs.at(-1)?.key ?? ""}\0` : request.to;
  let least = 0;
  let most = 0;
  for (const key of keys) {
    if (key < request.from || key >= request.to) continue;
    const { isSure, isPossible, last } = presenceOf(key, at, endNs, facts);
    if (isSure) least++;
    if (isPossible) most++;
    if (isSure && !request.countOnly && key < end && !shown.has(key))
      wrong(`was shown no ${key}, but rev ${last?.revision} was ${last === null ? "" : describe(last.operation)}`);
  }
  if (counted < least || counted > most)
    wrong(
      `was told of ${count(counted, "key")}; at rev ${at} there were ${least === most ? least : `${least} to ${most}`}`,
    );
}

function presenceOf(
  key: string,
  at: number,
  endNs: number,
  facts: StoreFacts,
): { readonly isSure: boolean; readonly isPossible: boolean; readonly last: KnownWrite | null } {
  const last = facts.lastWrite(key, at);
  const { unknownPuts, unknownDeletes } = facts.ofKey(key);
  const began = ({ startNs }: OperationRecord): boolean => startNs <= endNs;
  const isPut = last?.kind === "put";
  return {
    isSure: isPut && !unknownDeletes.some(began),
    isPossible: isPut || unknownPuts.some(began),
    last,
  };
}

function checkRefusal(
  { request, endNs }: ListRecord,
  refusal: "compacted" | "future",
  newest: number,
  compactions: readonly CompactionRecord[],
  wrong: (text: string) => void,
): void {
  if (refusal === "future") {
    if (request.revision <= newest) wrong(`was refused as still to come, but rev ${newest} had been acknowledged`);
    return;
  }
  const cause = compactions.some(
    ({ outcome, startNs, revision }) => outcome.kind !== "failed" && startNs <= endNs && revision > request.revision,
  );
  if (request.revision === 0 || !cause) wrong("was refused as compacted, but nobody had compacted that far");
}

function checkCompaction(compaction: CompactionRecord, all: readonly CompactionRecord[], findings: Findings): void {
  const { outcome, revision, startNs, endNs, member } = compaction;
  const name = `the compaction to rev ${revision} (${member}, called at ${moment(startNs)})`;
  const others = all.filter((other) => other !== compaction && other.revision >= revision);
  if (outcome.kind === "ok") {
    const before = others.find((other) => other.outcome.kind === "ok" && other.endNs < startNs);
    if (before !== undefined)
      findings.add(`${name} was taken, after one to rev ${before.revision} had ended`, [], startNs);
  } else if (outcome.kind === "failed") {
    const refused = refusalOf(outcome);
    const cause = others.some((other) => other.outcome.kind !== "failed" && other.startNs <= endNs);
    if (refused === "compacted" && !cause)
      findings.add(`${name} was refused as compacted, but nobody had compacted that far`, [], startNs);
    // Nobody compacts to a revision that no answer has shown.
    if (refused === "future") findings.add(`${name} was refused as still to come, but had been shown`, [], startNs);
  }
}

function refusalOf(outcome: ListRecord["outcome"] | CompactionRecord["outcome"]): "compacted" | "future" | null {
  if (outcome.kind !== "failed") return null;
  if (outcome.reason.endsWith(COMPACTED)) return "compacted";
  return outcome.reason.endsWith(FUTURE) ? "future" : null;
}

/** Every key that anybody wrote, or tried to. */
function keysOf(facts: StoreFacts, operations: readonly OperationRecord[]): readonly string[] {
  const keys = new Set<string>();
  for (const write of facts.byRevision.values()) keys.add(write.key);
  for (const { request } of operations) if (request.kind !== "get") keys.add(request.key);
  return [...keys].sort();
}

function nameOf({ request, member, startNs }: ListRecord): string {
  const what = request.countOnly ? "the count" : request.stream ? "the stream" : "the list";
  const limit = request.limit > 0 ? `, at most ${request.limit}` : "";
  const revision = request.revision > 0 ? ` at rev ${request.revision}` : "";
  return `${what} from ${request.from}${limit}${revision} (${member}, called at ${moment(startNs)})`;
}
