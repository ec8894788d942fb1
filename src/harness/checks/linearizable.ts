import type { OperationRecord } from "../model/history.ts";
import type { CheckResult } from "../model/verdict.ts";
import { checkConditions } from "./conditions.ts";
import { ContentCheck } from "./contents.ts";
import { explain } from "./explain.ts";
import { type Answered, answeredOf, isSerializable, StoreFacts } from "./facts.ts";
import { count, Findings } from "./findings.ts";
import { type FreeRevisions, type KeyInput, type KeyState, keyProblem } from "./models/etcd-key.ts";
import { type Budget, DEFAULT_STEPS, runPartitions } from "./partitions.ts";
import { checkRevisions } from "./revisions.ts";
import { LinearizationSearch } from "./wgl.ts";

export interface LinearizableOptions {
  /** Revision of the store before the first operation. */
  readonly initialRevision: number;
  /** False when others write to the store too, under keys of their own: then revisions are missing for good reason. */
  readonly exclusive?: boolean;
  /** Judge serializable reads as if they had promised to be linearizable. */
  readonly serializableToo?: boolean;
  /** Stop at the first proof that the history is invalid: fewer findings, the same verdict. */
  readonly verdictOnly?: boolean;
  readonly budget?: Budget;
}

interface KeySearch {
  readonly key: string;
  readonly answered: readonly Answered[];
  readonly search: LinearizationSearch<KeyState, KeyInput>;
}

/**
 * Did every acknowledged operation take effect at one moment between its call and its answer? Each key is searched alone (keys
 * are independent: P-compositionality), one scan over the whole store judges the revisions, and what single reads show is
 * compared with what was written. Unknown outcomes may take effect any time or never (D9).
 *
 * Invalid is proof. Valid means: each key has an order and the revisions contradict none of them; whether one order of all keys
 * fills every revision that writes of unknown outcome left open is not searched.
 */
export function checkLinearizable(operations: readonly OperationRecord[], options: LinearizableOptions): CheckResult {
  const facts = new StoreFacts(operations, options.initialRevision);
  const findings = new Findings();
  const exclusive = options.exclusive ?? true;
  const answered = operations
    .filter((operation) => options.serializableToo === true || !isSerializable(operation))
    .map(answeredOf)
    .filter((operation) => operation !== null);
  if (answered.length === 0) {
    return findings.result("linearizable", "unknown", "No linearizable operation was answered: nothing to judge.");
  }
  const blamed = checkRevisions(answered, facts, exclusive, findings);
  for (const operation of checkConditions(answered, facts, findings)) blamed.add(operation);
  const contents = new ContentCheck(facts, findings);
  for (const each of answered) if (!contents.judge(each)) blamed.add(each.operation);
  if (options.verdictOnly === true && findings.total > 0) {
    return findings.result("linearizable", "unknown", `At least ${count(findings.total, "contradiction")}.`);
  }
  const searches = searchesOf(answered, facts, exclusive ? freeRevisions(answered, facts) : () => Infinity);
  const budget = options.budget ?? { steps: DEFAULT_STEPS, expired: () => false };
  const verdicts = runPartitions(
    searches.map(({ search }) => search),
    budget,
  );
  let undecided = 0;
  for (const [i, verdict] of verdicts.entries()) {
    const each = searches[i] as KeySearch;
    if (verdict === "unknown") undecided++;
    // What is already explained in a plainer sentence is not said again as "cannot be put in order".
    if (verdict === "invalid" && !each.answered.some(({ operation }) => blamed.has(operation))) {
      explain(each.key, each.answered, each.search.contradiction(), facts, findings);
    }
  }
  return findings.result(
    "linearizable",
    undecided > 0 ? "unknown" : "valid",
    summarize(answered.length, facts.unknownWrites.length, searches.length, undecided, findings),
  );
}

function searchesOf(answered: readonly Answered[], facts: StoreFacts, free: FreeRevisions): KeySearch[] {
  const keys = new Map<string, Answered[]>();
  for (const each of answered) {
    const { key } = each.operation.request;
    const group = keys.get(key);
    if (group === undefined) keys.set(key, [each]);
    else group.push(each);
  }
  return [...keys].map(([key, ofKey]) => {
    const { model, history } = keyProblem(key, ofKey, facts, free);
    return { key, answered: ofKey, search: new LinearizationSearch(model, history) };
  });
}

/** Counts revisions that neither an acknowledged write nor what a read showed claims. */
function freeRevisions(answered: readonly Answered[], facts: StoreFacts): FreeRevisions {
  const claims = new Set(facts.byRevision.keys());
  for (const { response } of answered) {
    if (response.kind !== "get" || response.kv === null) continue;
    claims.add(response.kv.modRevision);
    claims.add(response.kv.createRevision);
  }
  const sorted = Float64Array.from(claims).sort();
  /** How many claims are below `revision`. */
  const below = (revision: number): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] as number) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return (lower, upper) => (upper === Infinity ? Infinity : upper - lower - 1 - (below(upper) - below(lower + 1)));
}

function summarize(answered: number, unknown: number, keys: number, undecided: number, findings: Findings): string {
  const scope = `${count(answered, "operation")} on ${count(keys, "key")} (${count(unknown, "write")} of unknown outcome)`;
  if (findings.total > 0) return `${scope}: ${count(findings.total, "contradiction")}.`;
  if (undecided > 0) return `${scope}: ${count(undecided, "key")} undecided within the budget.`;
  return `${scope} took effect in an order that respects real time.`;
}
