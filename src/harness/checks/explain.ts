import { assert } from "../../base/assert.ts";
import type { OperationRecord } from "../model/history.ts";
import { type Answered, changesStore, type StoreFacts } from "./facts.ts";
import { answered as answeredWith, content, count, describe, type Findings } from "./findings.ts";
import type { KeyState } from "./models/etcd-key.ts";
import type { Contradiction } from "./wgl.ts";

/** Of operations under way beside the one that cannot be placed, those that returned first are named. */
const BESIDE_MAX = 16;

/** Says in a sentence why the operations of one key cannot be put in order. */
export function explain(
  key: string,
  operations: readonly Answered[],
  { operation, concurrent, states }: Contradiction<KeyState>,
  facts: StoreFacts,
  findings: Findings,
): void {
  const byId = new Map(operations.map((each) => [each.operation.id, each]));
  const blocked = byId.get(operation);
  const beside = concurrent.flatMap((id) => byId.get(id)?.operation ?? []);
  const unknown = facts.ofKey(key).unknownPuts.find((put) => put.id === operation);
  const subject = blocked?.operation ?? unknown;
  assert(subject !== undefined, "what contradicts is an operation of this key", { key, operation });
  const sight = sightOf(subject, blocked, operations);
  const before = `after all that had been answered by then ${key} was ${stateNames(states)}`;
  const also = sight === null ? "" : `, and ${describe(sight.operation)} was shown ${shownBy(sight)}`;
  const involved = new Set([subject, ...(sight === null ? [] : [sight.operation]), ...beside.slice(0, BESIDE_MAX)]);
  const others = beside.length === 0 ? "" : `; ${count(beside.length, "other operation")} on it under way`;
  findings.add(
    `${nameOf(subject, blocked)}: no order allows that, for ${before}${also}${others}`,
    [...involved],
    subject.startNs,
  );
}

function nameOf(subject: OperationRecord, blocked: Answered | undefined): string {
  // Of unknown outcome, but a read showed it: it must have taken effect before that read had ended.
  if (blocked === undefined) return `${describe(subject)}, of unknown outcome, was read`;
  const { response } = blocked;
  const shown = response.kind === "get" ? ` and was shown ${shownBy(blocked)}` : "";
  const deleted = response.kind === "delete" ? `, ${response.deleted} deleted` : "";
  return `${answeredWith(subject, response.revision)}${shown}${deleted}`;
}

/** The first read that showed a write: what it showed is part of why the write fits nowhere. */
function sightOf(
  write: OperationRecord,
  blocked: Answered | undefined,
  operations: readonly Answered[],
): Answered | null {
  const { request } = write;
  if (request.kind !== "put" || (blocked !== undefined && !changesStore(blocked.response))) return null;
  const shows = ({ response }: Answered): boolean =>
    response.kind === "get" &&
    response.kv?.value === request.value &&
    (blocked === undefined || response.kv.modRevision === blocked.response.revision);
  return operations.find(shows) ?? null;
}

function shownBy({ operation, response }: Answered): string {
  return content(operation.request.key, response.kind === "get" ? response.kv : null);
}

function stateNames(states: readonly KeyState[]): string {
  const names = states.map(({ top, version }) => {
    if (top === "absent") return "absent";
    return top === "put" ? `at version ${version}` : `at version ${version} by a write of unknown outcome`;
  });
  return [...new Set(names)].join(" or ");
}
