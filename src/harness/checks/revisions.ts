import type { OperationRecord } from "../model/history.ts";
import { Acknowledged } from "./acknowledged.ts";
import { type Answered, changesStore, type StoreFacts } from "./facts.ts";
import { answered as answeredWith, count, describe, duration, type Findings } from "./findings.ts";

/**
 * What only the whole store shows, one scan over linearizable operations (revisions count the effective writes of all keys, and
 * every answer carries the revision after its operation): revisions respect real time, no two writes share one, and each
 * revision that no acknowledged write claims can have been made by some write of unknown outcome.
 *
 * `exclusive`: nobody but this history writes to the store.
 */
export function checkRevisions(
  operations: readonly Answered[],
  facts: StoreFacts,
  exclusive: boolean,
  findings: Findings,
): Set<OperationRecord> {
  const blamed = new Set<OperationRecord>();
  const blame = (text: string, ...involved: [OperationRecord, ...OperationRecord[]]): void => {
    const [first] = involved;
    blamed.add(first);
    findings.add(text, involved, first.startNs);
  };
  for (const write of facts.duplicates) {
    const owner = facts.byRevision.get(write.revision)?.operation as OperationRecord;
    blame(`${answeredWith(write.operation, write.revision)}, but so was ${describe(owner)}`, write.operation, owner);
  }
  const acknowledged = new Acknowledged(operations);
  for (const { operation, response } of [...operations].sort((a, b) => a.operation.startNs - b.operation.startNs)) {
    const { revision } = response;
    if (revision < facts.initialRevision) {
      blame(`${answeredWith(operation, revision)}, below the store's first, ${facts.initialRevision}`, operation);
    }
    const newest = acknowledged.before(operation.startNs);
    const least = newest === null ? facts.initialRevision : newest.response.revision;
    if (revision > least || (revision === least && !changesStore(response))) continue;
    if (newest === null) {
      if (revision === least) blame(`${answeredWith(operation, revision)}, the store's before any write`, operation);
      continue;
    }
    const late = duration(operation.startNs - newest.operation.endNs);
    const text = `${answeredWith(operation, revision)}, ${late} after rev ${least} had been acknowledged`;
    blame(`${text} (${describe(newest.operation)})`, operation, newest.operation);
  }
  const pinned = pinnedWrites(operations, facts);
  checkPins(operations, pinned, blame);
  if (exclusive) checkGaps(operations, facts, pinned, findings);
  return blamed;
}

/** Writes of unknown outcome that a read showed, by the revision it showed: only where no other can have written that value. */
function pinnedWrites(operations: readonly Answered[], facts: StoreFacts): Map<number, OperationRecord> {
  const pinned = new Map<number, OperationRecord>();
  for (const { operation, response } of operations) {
    if (response.kind !== "get" || response.kv === null) continue;
    const { modRevision, value } = response.kv;
    if (facts.byRevision.has(modRevision) || pinned.has(modRevision)) continue;
    const [author, other] = facts.unknownPutsOf(operation.request.key, value);
    if (author !== undefined && other === undefined) pinned.set(modRevision, author);
  }
  return pinned;
}

/** A write called after a revision had been shown gets a higher one, also when only a read tells which. */
function checkPins(
  operations: readonly Answered[],
  pinned: ReadonlyMap<number, OperationRecord>,
  blame: (text: string, ...involved: [OperationRecord, ...OperationRecord[]]) => void,
): void {
  const acknowledged = new Acknowledged(operations);
  for (const [revision, author] of [...pinned].sort(([, a], [, b]) => a.startNs - b.startNs)) {
    const newest = acknowledged.before(author.startNs);
    if (newest === null || newest.response.revision < revision) continue;
    const text = `${describe(author)} was read as rev ${revision}, but had been called after rev ${newest.response.revision} was acknowledged`;
    blame(`${text} (${describe(newest.operation)})`, author, newest.operation);
  }
}

/**
 * Every revision up to the highest shown that no acknowledged write claims needs an unknown write of its own, called before
 * anything that shows that revision, or a later one, had ended. The later the gap the later its deadline, so giving the
 * earliest call to the earliest gap decides it.
 */
function checkGaps(
  operations: readonly Answered[],
  facts: StoreFacts,
  pinned: ReadonlyMap<number, OperationRecord>,
  findings: Findings,
): void {
  const byRevision = [...operations].sort((a, b) => a.response.revision - b.response.revision);
  const highest = byRevision.at(-1)?.response.revision ?? facts.initialRevision;
  const span = highest - facts.initialRevision;
  const claims = new Set(
    [...facts.byRevision.keys(), ...pinned.keys()].filter(
      (revision) => revision > facts.initialRevision && revision <= highest,
    ),
  );
  const taken = new Set(pinned.values());
  const authors = facts.unknownWrites.filter((write) => !taken.has(write));
  const gaps = span - claims.size;
  if (gaps > authors.length) {
    const unseen = `${count(authors.length, "write")} of unknown outcome that nobody read`;
    findings.add(
      `the store counted ${count(span, "write")} up to rev ${highest}: ${claims.size} are known, and for the other ${gaps} there are only ${unseen}`,
      byRevision.slice(-1).map(({ operation }) => operation),
      null,
    );
    return;
  }
  const earliestEnd: OperationRecord[] = [];
  for (let i = byRevision.length - 1; i >= 0; i--) {
    const { operation } = byRevision[i] as Answered;
    const later = earliestEnd[i + 1];
    earliestEnd[i] = later !== undefined && later.endNs <= operation.endNs ? later : operation;
  }
  let filled = 0;
  let shown = 0;
  for (let revision = facts.initialRevision + 1; revision <= highest && filled < gaps; revision++) {
    if (claims.has(revision)) continue;
    while ((byRevision[shown] as Answered).response.revision < revision) shown++;
    const author = authors[filled++] as OperationRecord;
    const witness = earliestEnd[shown] as OperationRecord;
    if (author.startNs <= witness.endNs) continue;
    const text = `rev ${revision} had been made when ${describe(witness)} ended, but by no write that had begun and was not read otherwise`;
    findings.add(text, [witness], witness.endNs);
    return;
  }
}
