import type { Condition, OperationRecord } from "../model/history.ts";
import { type Answered, observedContent, type StoreFacts } from "./facts.ts";
import { answered as answeredWith, content, describe, type Findings } from "./findings.ts";

/**
 * Transactions that compared before they wrote: one that wrote found its key as it had to be, one that did not write found it
 * otherwise. Says only what the history proves: a key that writes of unknown outcome touched may have been anything they can have made.
 */
export function checkConditions(
  answered: readonly Answered[],
  facts: StoreFacts,
  findings: Findings,
): Set<OperationRecord> {
  const blamed = new Set<OperationRecord>();
  for (const each of answered) {
    const { operation, response } = each;
    const { condition, key } = operation.request;
    if (condition === undefined) continue;
    const refused = observedContent(response);
    const text =
      response.kind === "get"
        ? problemOfRefusal(condition, key, refused ?? null)
        : problemOfWrite(condition, key, response.revision, facts);
    if (text === null) continue;
    blamed.add(operation);
    findings.add(`${answeredWith(operation, response.revision)}, ${text}`, [operation], operation.startNs);
  }
  return blamed;
}

function problemOfRefusal(condition: Condition, key: string, kv: Parameters<typeof content>[1]): string | null {
  const held = condition.target === "version" ? (kv?.version ?? 0) : (kv?.modRevision ?? 0);
  if (held !== condition.equals) return null;
  return `because ${named(condition)} did not hold, but it was shown ${content(key, kv)}`;
}

function problemOfWrite(condition: Condition, key: string, revision: number, facts: StoreFacts): string | null {
  const { unknownPuts, unknownDeletes } = facts.ofKey(key);
  const last = facts.lastWrite(key, revision - 1);
  const unsure = unknownPuts.length > 0 || unknownDeletes.length > 0;
  if (condition.target === "version") {
    if (unsure || (last?.version ?? 0) === condition.equals) return null;
    return `though ${named(condition)} did not hold: ${last === null ? "nobody had written it" : describe(last.operation)}`;
  }
  const held = last === null || last.kind === "delete" ? 0 : last.revision;
  if (held === condition.equals) return null;
  // What came between can only have been made by somebody of unknown outcome, and later than what is known.
  if (unsure && (condition.equals === 0 ? unknownDeletes.length > 0 : condition.equals > (last?.revision ?? 0)))
    return null;
  return `though ${named(condition)} did not hold: ${last === null ? "nobody had written it" : `rev ${last.revision} was ${describe(last.operation)}`}`;
}

function named({ target, equals }: Condition): string {
  return `${target === "version" ? "version" : "mod revision"} ${equals}`;
}
