import type { OperationRecord } from "../model/history.ts";
import type { CheckResult } from "../model/verdict.ts";
import { Acknowledged } from "./acknowledged.ts";
import { ContentCheck } from "./contents.ts";
import { type Answered, answeredOf, isSerializable, StoreFacts } from "./facts.ts";
import { answered as answeredWith, count, describe, Findings, moment } from "./findings.ts";

export interface SerializableOptions {
  readonly initialRevision: number;
  /** False when others write to the store too, and did so before the first operation. */
  readonly exclusive?: boolean;
}

/**
 * Serializable reads may be old but not wrong: each shows its key as of its own revision, that revision had begun to be written
 * before the read ended, and a client that stays with a member never sees that member's revision go back, over reconnects
 * and restarts too.
 */
export function checkSerializable(operations: readonly OperationRecord[], options: SerializableOptions): CheckResult {
  const facts = new StoreFacts(operations, options.initialRevision);
  const findings = new Findings();
  const answered = operations.map(answeredOf).filter((operation) => operation !== null);
  const reads = answered.filter(({ operation }) => isSerializable(operation));
  if (reads.length === 0) {
    return findings.result("serializable", "unknown", "No serializable read was answered: nothing to judge.");
  }
  const contents = new ContentCheck(facts, findings);
  for (const read of reads) {
    contents.judge(read);
    checkRevisionBegun(read, facts, options.exclusive ?? true, findings);
  }
  const sessions = checkSessions(answered, findings);
  const scope = `${count(reads.length, "serializable read")} over ${count(sessions, "session")}`;
  return findings.result(
    "serializable",
    "valid",
    findings.total > 0
      ? `${scope}: ${count(findings.total, "contradiction")}.`
      : `${scope} showed the store as it was at their revisions, and no session went back.`,
  );
}

function checkRevisionBegun(read: Answered, facts: StoreFacts, exclusive: boolean, findings: Findings): void {
  const { operation, response } = read;
  const { revision } = response;
  const text = answeredWith(operation, revision);
  if (revision < facts.initialRevision) {
    // A member may not have caught up with what others had written before the run began: that is old, not wrong.
    if (!exclusive) return;
    findings.add(`${text}, below the store's first, ${facts.initialRevision}`, [operation], operation.startNs);
    return;
  }
  if (revision === facts.initialRevision) return;
  const write = facts.byRevision.get(revision);
  const ended = `the read had ended at ${moment(operation.endNs)}`;
  if (write !== undefined && write.operation.startNs > operation.endNs) {
    findings.add(
      `${text}, but that is ${describe(write.operation)}: ${ended}`,
      [operation, write.operation],
      operation.startNs,
    );
    return;
  }
  const unknown = facts.unknownWrites[0];
  if (write !== undefined || !exclusive || (unknown !== undefined && unknown.startNs <= operation.endNs)) return;
  findings.add(
    `${text}, but no write that had begun can have made that revision: ${ended}`,
    [operation],
    operation.startNs,
  );
}

/** Every answer of a member is given from what it has applied: for each client and member a serializable read sees no less. */
function checkSessions(answered: readonly Answered[], findings: Findings): number {
  const sessions = new Map<string, Answered[]>();
  for (const each of answered) {
    const key = `${each.operation.client} ${each.operation.member}`;
    const session = sessions.get(key);
    if (session === undefined) sessions.set(key, [each]);
    else session.push(each);
  }
  let judged = 0;
  for (const session of sessions.values()) {
    const reads = session.filter(({ operation }) => isSerializable(operation));
    if (reads.length === 0) continue;
    judged++;
    const seen = new Acknowledged(session);
    for (const { operation, response } of reads.sort((a, b) => a.operation.startNs - b.operation.startNs)) {
      const newest = seen.before(operation.startNs);
      if (newest === null || newest.response.revision <= response.revision) continue;
      findings.add(
        `${answeredWith(operation, response.revision)}, but the same client had been shown rev ${newest.response.revision} by ${operation.member} at ${moment(newest.operation.endNs)}`,
        [operation, newest.operation],
        operation.startNs,
      );
    }
  }
  return judged;
}
