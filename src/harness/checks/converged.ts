import type { RunEvent } from "../model/events.ts";
import { FINAL_PHASE, type OperationRecord } from "../model/history.ts";
import type { CheckResult } from "../model/verdict.ts";
import { type Answered, answeredOf, type KnownWrite, observedContent, StoreFacts } from "./facts.ts";
import { answered as answeredWith, content, count, describe, Findings } from "./findings.ts";

export interface ConvergedOptions {
  readonly initialRevision: number;
  readonly members: readonly string[];
  /** False when others write to the store too: then revisions go on moving. */
  readonly exclusive?: boolean;
}

/**
 * After the faults are healed the cluster must come back: every member reaches the same revision (where others write, too: that
 * of the last acknowledged write), and reads of the phase "final" show, for every key, its last acknowledged write or something
 * later. Unknown when a member was down, nobody waited for convergence, or a key with acknowledged writes was not read at the end.
 */
export function checkConverged(
  operations: readonly OperationRecord[],
  events: readonly RunEvent[],
  options: ConvergedOptions,
): CheckResult {
  const facts = new StoreFacts(operations, options.initialRevision);
  const findings = new Findings();
  const exclusive = options.exclusive ?? true;
  const last = [...facts.byRevision.keys()].reduce((a, b) => Math.max(a, b), options.initialRevision);
  const needed = exclusive ? null : last;
  const doubts = [
    checkMembers(events, options.members, needed, findings),
    checkFinalReads(operations, facts, findings),
  ];
  const doubt = doubts.find((text) => text !== null) ?? null;
  if (findings.total > 0) {
    return findings.result(
      "converged",
      "unknown",
      `The cluster did not come back whole: ${findings.earliest()[0]?.text}.`,
    );
  }
  if (doubt !== null) return findings.result("converged", "unknown", doubt);
  return findings.result(
    "converged",
    "valid",
    `All members reached ${exclusive ? "the same revision" : `rev ${last}`} and ${count(facts.byRevision.size, "acknowledged write")} survived.`,
  );
}

/** Why it cannot be told, or null. `needed`: what every member has to reach; null when they all have to show the same. */
function checkMembers(
  events: readonly RunEvent[],
  members: readonly string[],
  needed: number | null,
  findings: Findings,
): string | null {
  const down = new Set<string>();
  let final: Extract<RunEvent, { kind: "converged" }> | null = null;
  for (const event of [...events].sort((a, b) => a.atNs - b.atNs)) {
    if (event.kind === "member-exited") down.add(event.member);
    else if (event.kind === "member-started") down.delete(event.member);
    else if (event.kind === "converged") {
      final = event;
      break;
    }
  }
  if (final === null) return "Nobody waited for the members to converge.";
  const said = Object.entries(final.revisions).filter(([, revision]) => revision >= 0);
  const silent = members.filter((member) => !said.some(([name]) => name === member));
  const shown = said.map(([member, revision]) => `${member} rev ${revision}`);
  const revisions = said.map(([, revision]) => revision);
  const apart = needed === null ? new Set(revisions).size > 1 : revisions.some((revision) => revision < needed);
  if (down.size > 0) return `${[...down].join(", ")} was down when the members should have converged.`;
  if (silent.length > 0 && !apart) return `${silent.join(", ")} did not say what revision it had reached.`;
  if (!apart) return final.converged ? null : "The members did not say in time that they had converged.";
  const what = needed === null ? "the same revision" : `rev ${needed}`;
  findings.add(`the members did not all reach ${what}: ${shown.join(", ")}`, [], final.atNs);
  return null;
}

function checkFinalReads(operations: readonly OperationRecord[], facts: StoreFacts, findings: Findings): string | null {
  const finals = new Map<string, Answered[]>();
  for (const operation of operations) {
    const answered = operation.phase === FINAL_PHASE && operation.request.kind === "get" ? answeredOf(operation) : null;
    if (answered === null) continue;
    const { key } = operation.request;
    finals.set(key, [...(finals.get(key) ?? []), answered]);
  }
  const written = new Map<string, KnownWrite>();
  for (const write of facts.byRevision.values()) {
    if (write.revision > (written.get(write.key)?.revision ?? 0)) written.set(write.key, write);
  }
  if (written.size === 0) return "No write was acknowledged: nothing to judge.";
  let unread = 0;
  for (const write of written.values()) {
    const reads = finals.get(write.key) ?? [];
    if (reads.length === 0) unread++;
    for (const read of reads) checkSurvived(write, read, facts, findings);
    checkSame(reads, findings);
  }
  return unread > 0 ? `${count(unread, "key")} with acknowledged writes had no final read.` : null;
}

function checkSurvived(last: KnownWrite, read: Answered, facts: StoreFacts, findings: Findings): void {
  const { operation, response } = read;
  // A write that was not over before the read began may come after it.
  if (last.operation.endNs >= operation.startNs) return;
  const kv = observedContent(response) ?? null;
  const { key, revision, value, kind } = last;
  const survived =
    kv === null
      ? kind === "delete" || facts.ofKey(key).unknownDeletes.length > 0
      : kv.modRevision > revision || (kind === "put" && kv.modRevision === revision && kv.value === value);
  if (survived) return;
  findings.add(
    `${answeredWith(operation, response.revision)} at the end and was shown ${content(key, kv)}: acknowledged rev ${revision}, ${describe(last.operation)}, is lost`,
    [operation, last.operation],
    operation.startNs,
  );
}

/** Once the members have converged and nobody writes, all of them show the same. */
function checkSame(reads: readonly Answered[], findings: Findings): void {
  const [first] = reads;
  if (first === undefined) return;
  const { key } = first.operation.request;
  const shown = (read: Answered): string => content(key, observedContent(read.response) ?? null);
  const other = reads.find(
    (read) => read.response.revision === first.response.revision && shown(read) !== shown(first),
  );
  if (other === undefined) return;
  findings.add(
    `at the end, at the same revision, ${first.operation.member} showed ${shown(first)} and ${other.operation.member} ${shown(other)}`,
    [first.operation, other.operation],
    other.operation.startNs,
  );
}
