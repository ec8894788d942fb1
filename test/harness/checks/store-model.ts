import type { Model } from "../../../src/harness/checks/wgl.ts";
import type {
  ObservedKeyValue,
  OperationRecord,
  OperationRequest,
  OperationResponse,
} from "../../../src/harness/model/history.ts";
import { linearizableByTryingAll } from "./brute.ts";

interface Store {
  readonly revision: number;
  readonly keys: Readonly<Record<string, ObservedKeyValue>>;
}

interface Step {
  readonly request: OperationRequest;
  /** Null: unknown outcome, any answer will do. */
  readonly response: OperationResponse | null;
}

/** etcd as its manual describes it: one store, one revision for each effective write, every answer to the letter. */
const storeModel: Model<Store, Step> = {
  initial: { revision: 1, keys: {} },
  step({ revision, keys }: Store, { request, response }: Step): Store | undefined {
    const { [request.key]: before, ...others } = keys;
    let next: Store = { revision, keys };
    let answer: OperationResponse;
    if (request.kind === "get") {
      answer = { kind: "get", revision, kv: before ?? null };
    } else if (request.kind === "put") {
      const createRevision = before?.createRevision ?? revision + 1;
      const version = (before?.version ?? 0) + 1;
      const kv = { value: request.value, createRevision, modRevision: revision + 1, version };
      next = { revision: revision + 1, keys: { ...others, [request.key]: kv } };
      answer = { kind: "put", revision: revision + 1 };
    } else {
      if (before !== undefined) next = { revision: revision + 1, keys: others };
      answer = { kind: "delete", revision: next.revision, deleted: before === undefined ? 0 : 1 };
    }
    return response === null || sameAnswer(answer, response) ? next : undefined;
  },
  isPure: () => false,
  stateKey: (state: Store): string => JSON.stringify(state),
  inputKey: (step: Step): string => JSON.stringify(step),
};

function sameAnswer(a: OperationResponse, b: OperationResponse): boolean {
  if (a.revision !== b.revision) return false;
  if (a.kind === "delete" && b.kind === "delete") return a.deleted === b.deleted;
  if (a.kind !== "get" || b.kind !== "get") return a.kind === b.kind;
  if (a.kv === null || b.kv === null) return a.kv === b.kv;
  const [x, y] = [a.kv, b.kv];
  return (
    x.value === y.value &&
    x.version === y.version &&
    x.modRevision === y.modRevision &&
    x.createRevision === y.createRevision
  );
}

/** The slow twin of `checkLinearizable`, exact, for a handful of operations. */
export function storeLinearizable(operations: readonly OperationRecord[]): boolean {
  const known = operations.flatMap(({ id, startNs: start, endNs: end, request, outcome }) =>
    outcome.kind === "ok" ? [{ id, start, end, input: { request, response: outcome.response } }] : [],
  );
  const unknown = operations.flatMap(({ startNs: start, request, outcome }) =>
    outcome.kind === "unknown" && request.kind !== "get" ? [{ start, input: { request, response: null } }] : [],
  );
  return linearizableByTryingAll(storeModel, known, unknown);
}
