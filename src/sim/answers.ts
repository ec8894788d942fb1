/**
 * What clients were told, judged at once: every answer is what the twin says of its revision, no linearizable one lies below a
 * revision that anybody was shown before it was asked for, and an acknowledged write is on the disks of a quorum.
 */
import type { EtcdError } from "../etcd/errors.ts";
import { ETCD_ERRORS, isEtcdError } from "../etcd/errors.ts";
import type { ObservedKeyValue, OperationResponse, Outcome } from "../harness/model/history.ts";
import type {
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  ResponseOp,
  TxnResponse,
} from "../proto/gen/etcdserverpb.ts";
import type { CallResult } from "./calls.ts";
import type { Ledger } from "./ledger.ts";
import { isSame, type ShownKeyValue, shownAs, type Twin, textOf } from "./twin.ts";
import type { World } from "./world.ts";

/** What is asked; `floor` is the newest revision that anybody had been shown by then. */
export type Question = { readonly floor: number; readonly text: string } & (
  | { readonly kind: "get"; readonly key: string; readonly serializable: boolean }
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "cas"; readonly key: string; readonly value: string; readonly modRevision: number }
  | {
      readonly kind: "multi";
      readonly keys: readonly [string, string];
      readonly value: string;
      readonly modRevision: number;
    }
);

export type ClientResponse = RangeResponse | PutResponse | DeleteRangeResponse | TxnResponse;

/** Refused before anything was proposed, or by what was applied; every other error leaves open what became of a write. */
const WITHOUT_EFFECT: ReadonlySet<EtcdError> = new Set([
  ETCD_ERRORS.noLeader,
  ETCD_ERRORS.tooManyRequests,
  ETCD_ERRORS.compacted,
  ETCD_ERRORS.futureRevision,
  ETCD_ERRORS.leaseNotFound,
  ETCD_ERRORS.leaseExists,
]);

export class Answers {
  /** The newest revision that any answer named. */
  newest = 1;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #twin: Twin;

  constructor(world: World, ledger: Ledger, twin: Twin) {
    this.#world = world;
    this.#ledger = ledger;
    this.#twin = twin;
  }

  /** What became of an operation, in the history's words; null for one that the history has no word for. */
  take(question: Question, result: CallResult<ClientResponse>): Outcome {
    const received = answerIn(result);
    if (received.kind !== "ok") return received;
    const { answer } = received;
    const isFresh = question.kind !== "get" || !question.serializable;
    const revision = this.shown(question, answer.header?.revision ?? 0, isFresh);
    return { kind: "ok", response: this.#judge(question, revision, answer) };
  }

  /** An answer named a revision: if it is a fresh one, none that was shown before it was asked for lies above. */
  shown({ text, floor }: Pick<Question, "text" | "floor">, revision: number, isFresh: boolean): number {
    this.#world.check(!isFresh || revision >= floor, "stale read", () => {
      return `${text} was answered at revision ${revision}, but ${floor} had been shown before it began`;
    });
    this.newest = Math.max(this.newest, revision);
    this.expect(revision <= this.#twin.revision, text, () => `revision ${revision}, which nobody has made`);
    return revision;
  }

  #judge(question: Question, revision: number, answer: ClientResponse): OperationResponse {
    switch (question.kind) {
      case "get": {
        const [kv] = (answer as RangeResponse).kvs;
        this.expectContent(question.text, question.key, revision, kv);
        return { kind: "get", revision, kv: observed(kv) };
      }
      case "put":
        this.#expectWrite(question, revision, question.key, question.value);
        return { kind: "put", revision };
      case "delete": {
        const { deleted } = answer as DeleteRangeResponse;
        if (deleted === 0) this.expectContent(question.text, question.key, revision, undefined);
        else this.#expectWrite(question, revision, question.key, null);
        return { kind: "delete", revision, deleted };
      }
      case "cas":
        return this.#judgeCas(question, revision, answer as TxnResponse);
      case "multi":
        this.#judgeMulti(question, revision, answer as TxnResponse);
        return { kind: "put", revision };
    }
  }

  /** In the history a compare that held is a put, one that did not a linearizable get. */
  #judgeCas(
    question: Extract<Question, { kind: "cas" }>,
    revision: number,
    { succeeded, responses }: TxnResponse,
  ): OperationResponse {
    const { key, value, modRevision } = question;
    this.#expectCompare(question, key, succeeded ? revision - 1 : revision, modRevision, succeeded);
    if (succeeded) {
      this.#expectWrite(question, revision, key, value);
      return { kind: "put", revision };
    }
    const kv = readIn(responses[0]);
    this.expectContent(question.text, key, revision, kv);
    return { kind: "get", revision, kv: observed(kv) };
  }

  /** All or nothing, and its read sees its own write. */
  #judgeMulti(
    question: Extract<Question, { kind: "multi" }>,
    revision: number,
    { succeeded, responses }: TxnResponse,
  ): void {
    const { keys, value, modRevision } = question;
    this.#expectCompare(question, keys[0], succeeded ? revision - 1 : revision, modRevision, succeeded);
    const reads = succeeded ? responses.slice(2) : responses;
    if (succeeded) for (const key of keys) this.#expectWrite(question, revision, key, value);
    for (const [i, key] of keys.entries()) this.expectContent(question.text, key, revision, readIn(reads[i]));
  }

  #expectCompare(question: Question, key: string, revision: number, modRevision: number, succeeded: boolean): void {
    const actual = this.#twin.get(key, revision)?.modRevision ?? 0;
    this.expect((actual === modRevision) === succeeded, question.text, () => {
      return `that the compare ${succeeded ? "held" : "did not hold"}, but ${key} was last changed at ${actual}`;
    });
  }

  /** `value` null: a deletion. */
  #expectWrite(question: Question, revision: number, key: string, value: string | null): void {
    const change = this.#twin.changesAt(revision).find((each) => each.key === key);
    const isThis = change !== undefined && (value === null ? change.version === 0 : headOf(change.value) === value);
    this.expect(isThis, question.text, () => `revision ${revision}, but that is another change`);
    this.expectDurable(question.text, this.#twin.indexOf(revision));
  }

  /** What was acknowledged is on the disks of a quorum. */
  expectDurable(text: string, index: number): void {
    const lack = this.#ledger.lackAt(index);
    this.#world.check(lack === null, "not on a quorum", () => {
      return `${text} was acknowledged, but of its entry ${index}: ${lack}`;
    });
  }

  expectContent(text: string, key: string, revision: number, kv: ShownKeyValue | undefined): void {
    const held = this.#twin.get(key, revision);
    this.expect(isSame(kv, held), text, () => {
      return `${shownAs(kv)} under ${key} at revision ${revision}, but the twin holds ${shownAs(held)}`;
    });
  }

  expect(condition: boolean, text: string, shown: () => string): void {
    this.#world.check(condition, "answer differs from the twin", () => `${text} was answered with ${shown()}`);
  }
}

/** The answer, or that there is none: what that says of the request's effect. */
export function answerIn<Response extends object>(
  result: CallResult<Response>,
): { readonly kind: "ok"; readonly answer: Response } | Exclude<Outcome, { readonly kind: "ok" }> {
  if (result.kind === "refused") return { kind: "failed", reason: "connection refused" };
  if (result.kind === "lost") return { kind: "unknown", reason: "connection lost" };
  const { answer } = result;
  if (!isEtcdError(answer)) return { kind: "ok", answer };
  return { kind: WITHOUT_EFFECT.has(answer) ? "failed" : "unknown", reason: answer.message };
}

export function readIn(operation: ResponseOp | undefined): ShownKeyValue | undefined {
  const { response } = operation ?? { response: null };
  return response?.kind === "responseRange" ? response.value.kvs[0] : undefined;
}

/** The history knows values by their unique heads; the padding behind them is left out. */
function observed(kv: ShownKeyValue | undefined): ObservedKeyValue | null {
  if (kv === undefined) return null;
  const { createRevision, modRevision, version } = kv;
  return { value: headOf(textOf(kv.value)), createRevision, modRevision, version };
}

export function headOf(value: string): string {
  const end = value.indexOf(" ");
  return end < 0 ? value : value.slice(0, end);
}
