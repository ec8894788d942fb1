import { unreachable } from "../../../base/assert.ts";
import type { ObservedKeyValue, OperationRecord } from "../../model/history.ts";
import { type Answered, changesStore, observedContent, type StoreFacts } from "../facts.ts";
import type { KnownOperation, Model, SearchHistory, UncertainClass } from "../wgl.ts";

/**
 * One key of an etcd store. Every effective write of the key that the history knows the revision of (it was acknowledged with
 * it, or a read showed it) is a link of one chain, in the order of revisions: no order of the operations can apply them
 * otherwise. What is left to search is where writes of unknown outcome took effect that no read ever showed ("hidden": only
 * versions, absences and creations betray them), and how all this fits real time.
 */
interface Link {
  readonly revision: number;
  readonly kind: "put" | "delete";
  /** Null when only a later version's create revision shows that there was this put. */
  readonly value: string | null;
  /** What reads showed of it; null when none did. */
  readonly shown: { readonly createRevision: number; readonly version: number } | null;
  /** When the first read that showed it had ended; Infinity when none did. */
  readonly shownByNs: number;
  /** True when one certain operation made it; false when one of several unknown ones must have. */
  owned: boolean;
}

export interface KeyState {
  /** Last link applied; -1 before the first. */
  readonly rank: number;
  readonly top: "absent" | "put" | "hidden";
  /** 0 when absent, -1 when created by a hidden put. */
  readonly createRevision: number;
  readonly version: number;
  /** Hidden effects since that link. */
  readonly hidden: number;
}

export type KeyInput =
  | { readonly kind: "read"; readonly revision: number; readonly kv: ObservedKeyValue | null }
  | { readonly kind: "link"; readonly rank: number }
  /** An unknown put makes the next link, if that has no certain author and its value fits; null fits where no value is known. */
  | { readonly kind: "unowned-link"; readonly value: string | null }
  | { readonly kind: "hidden-put" }
  | { readonly kind: "hidden-delete" };

export interface KeyProblem {
  readonly model: Model<KeyState, KeyInput>;
  readonly history: SearchHistory<KeyInput>;
}

/** How many revisions strictly between two are nobody's as far as the history knows: what hidden effects have to share. */
export type FreeRevisions = (above: number, below: number) => number;

/** `answered`: the operations to put in order, all of one key. Unknown outcomes come from `facts`. */
export function keyProblem(
  key: string,
  answered: readonly Answered[],
  facts: StoreFacts,
  freeRevisions: FreeRevisions,
): KeyProblem {
  const chain = chainOf(key, answered, facts);
  const ranks = new Map(chain.map((link, rank) => [link.revision, rank]));
  const known: KnownOperation<KeyInput>[] = answered.map(({ operation, response }) => {
    const { id, startNs: start, endNs: end } = operation;
    if (changesStore(response)) {
      // A second claim on a revision, or one on a revision from before the run, has no place in the chain: legal nowhere.
      const rank =
        facts.byRevision.get(response.revision)?.operation === operation ? ranks.get(response.revision) : NaN;
      return { id, start, end, input: { kind: "link", rank: rank ?? NaN } };
    }
    return {
      id,
      start,
      end,
      input: { kind: "read", revision: response.revision, kv: observedContent(response) ?? null },
    };
  });
  const uncertain = assignUnknown(key, chain, facts, known);
  return { model: keyModel(chain, facts.initialRevision, freeRevisions), history: { known, uncertain } };
}

function chainOf(key: string, answered: readonly Answered[], facts: StoreFacts): Link[] {
  const links = new Map<number, { -readonly [Field in keyof Link]: Link[Field] }>();
  for (const { revision, kind, value } of facts.ofKey(key).writes) {
    if (revision <= facts.initialRevision) continue;
    links.set(revision, { revision, kind, value, shown: null, shownByNs: Infinity, owned: true });
  }
  for (const { operation, response } of answered) {
    if (response.kind !== "get" || response.kv === null) continue;
    const { createRevision, modRevision, version, value } = response.kv;
    for (const revision of createRevision === modRevision ? [modRevision] : [modRevision, createRevision]) {
      if (revision <= facts.initialRevision) continue;
      const link = links.get(revision) ?? {
        revision,
        kind: "put",
        value: null,
        shown: null,
        shownByNs: Infinity,
        owned: false,
      };
      links.set(revision, link);
      link.shownByNs = Math.min(link.shownByNs, operation.endNs);
      if (revision !== modRevision) continue;
      link.value ??= value;
      link.shown ??= { createRevision, version };
    }
  }
  return [...links.values()].sort((a, b) => a.revision - b.revision);
}

/**
 * Gives unknown writes their possible effects. A put whose value is the only one of its kind and was seen made exactly that
 * link, before the first read that saw it had ended: it joins `known`. The others become classes.
 */
function assignUnknown(
  key: string,
  chain: readonly Link[],
  facts: StoreFacts,
  known: KnownOperation<KeyInput>[],
): UncertainClass<KeyInput>[] {
  const { unknownPuts, unknownDeletes } = facts.ofKey(key);
  const unowned = new Map<string | null, number[]>();
  for (const [rank, link] of chain.entries()) {
    if (!link.owned) unowned.set(link.value, [...(unowned.get(link.value) ?? []), rank]);
  }
  const anonymousLinks = unowned.has(null);
  const unseen: OperationRecord[] = [];
  const uncertain: UncertainClass<KeyInput>[] = [];
  for (const [value, puts] of byValue(unknownPuts)) {
    const ranks = unowned.get(value) ?? [];
    const [put, rank] = [puts[0] as OperationRecord, ranks[0]];
    if (rank === undefined) {
      unseen.push(...puts);
    } else if (puts.length === 1 && ranks.length === 1) {
      const link = chain[rank] as Link;
      link.owned = true;
      const end = Math.max(put.startNs, link.shownByNs);
      known.push({ id: put.id, start: put.startNs, end, input: { kind: "link", rank } });
    } else {
      const effects: KeyInput[] = [{ kind: "unowned-link", value }];
      if (puts.length > ranks.length) effects.push({ kind: "hidden-put" });
      uncertain.push(classOf(puts, effects));
    }
  }
  if (unseen.length > 0) {
    unseen.sort((a, b) => a.startNs - b.startNs);
    const effects: KeyInput[] = anonymousLinks ? [{ kind: "unowned-link", value: null }] : [];
    uncertain.push(classOf(unseen, [...effects, { kind: "hidden-put" }]));
  }
  if (unknownDeletes.length > 0) uncertain.push(classOf(unknownDeletes, [{ kind: "hidden-delete" }]));
  return uncertain;
}

function byValue(puts: readonly OperationRecord[]): Map<string, OperationRecord[]> {
  const groups = new Map<string, OperationRecord[]>();
  for (const put of puts) {
    const value = put.request.kind === "put" ? put.request.value : "";
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [put]);
    else group.push(put);
  }
  return groups;
}

function classOf(operations: readonly OperationRecord[], effects: readonly KeyInput[]): UncertainClass<KeyInput> {
  return {
    starts: operations.map((operation) => operation.startNs),
    ids: operations.map((operation) => operation.id),
    effects,
  };
}

function keyModel(
  chain: readonly Link[],
  initialRevision: number,
  freeRevisions: FreeRevisions,
): Model<KeyState, KeyInput> {
  const revisionOf = (rank: number): number => chain[rank]?.revision ?? (rank < 0 ? initialRevision : Infinity);

  const read = (state: KeyState, revision: number, kv: ObservedKeyValue | null): boolean => {
    if (revision < revisionOf(state.rank) || revision >= revisionOf(state.rank + 1)) return false;
    if (kv === null) return state.top === "absent";
    const link = chain[state.rank];
    if (state.top !== "put" || link === undefined) return false;
    if (kv.modRevision !== link.revision || kv.value !== link.value) return false;
    return kv.createRevision === state.createRevision && kv.version === state.version;
  };

  const apply = (state: KeyState, rank: number): KeyState | undefined => {
    const link = chain[rank];
    if (link === undefined || state.rank !== rank - 1) return undefined;
    const absent = state.top === "absent";
    if (link.kind === "delete") return absent ? undefined : { ...ABSENT, rank };
    const createRevision = absent ? link.revision : state.createRevision;
    const version = absent ? 1 : state.version + 1;
    // The only state in which the read that showed this link can ever be legal is the one right after it.
    const { shown } = link;
    if (shown !== null && (shown.createRevision !== createRevision || shown.version !== version)) return undefined;
    return { rank, top: "put", createRevision, version, hidden: 0 };
  };

  const hide = (state: KeyState, kind: "hidden-put" | "hidden-delete"): KeyState | undefined => {
    const { rank, top, hidden, version, createRevision } = state;
    if (top === "absent" && kind === "hidden-delete") return state;
    if (freeRevisions(revisionOf(rank), revisionOf(rank + 1)) <= hidden) return undefined;
    if (kind === "hidden-delete") return { ...ABSENT, rank, hidden: hidden + 1 };
    const createdHere = top === "absent";
    return {
      rank,
      top: "hidden",
      createRevision: createdHere ? -1 : createRevision,
      version: createdHere ? 1 : version + 1,
      hidden: hidden + 1,
    };
  };

  return {
    initial: ABSENT,
    step(state: KeyState, input: KeyInput): KeyState | undefined {
      switch (input.kind) {
        case "read":
          return read(state, input.revision, input.kv) ? state : undefined;
        case "link":
          return apply(state, input.rank);
        case "unowned-link": {
          const next = chain[state.rank + 1];
          if (next === undefined || next.owned) return undefined;
          return next.value === null || next.value === input.value ? apply(state, state.rank + 1) : undefined;
        }
        case "hidden-put":
        case "hidden-delete":
          return hide(state, input.kind);
        default:
          return unreachable(input);
      }
    },
    isPure: (input: KeyInput): boolean => input.kind === "read",
    stateKey: ({ rank, top, createRevision, version, hidden }: KeyState): string =>
      `${rank} ${top} ${createRevision} ${version} ${hidden}`,
    inputKey: (input: KeyInput): string => inputKey(input),
  };
}

const ABSENT: KeyState = { rank: -1, top: "absent", createRevision: 0, version: 0, hidden: 0 };

function inputKey(input: KeyInput): string {
  switch (input.kind) {
    case "read": {
      const { revision, kv } = input;
      return kv === null
        ? `absent ${revision}`
        : `read ${revision} ${kv.modRevision} ${kv.createRevision} ${kv.version} ${kv.value}`;
    }
    case "link":
      return `link ${input.rank}`;
    case "unowned-link":
      return input.value === null ? "unowned" : `unowned ${input.value}`;
    default:
      return input.kind;
  }
}
