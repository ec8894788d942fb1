/** Questions that a run's history has no words for: what is answered is judged by the twin alone. */
import { type EtcdError, isEtcdError } from "../etcd/errors.ts";
import type { Soon } from "../etcd/requests.ts";
import type { ResponseHeader } from "../proto/gen/etcdserverpb.ts";
import { type Answers, answerIn } from "./answers.ts";
import type { Asking } from "./asking.ts";
import type { Ledger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import type { Door } from "./model.ts";
import type { World } from "./world.ts";

/** The committed log from when a question was asked to when it was answered: what is said must be true somewhere in between. */
export interface Span {
  readonly first: number;
  readonly last: number;
  readonly startUs: number;
}

export interface Probe<Response> {
  readonly machine: Machine;
  readonly text: string;
  /** Its answer may not lie behind what was shown before. */
  readonly isFresh: boolean;
  readonly send: (door: Door) => Soon<Response>;
  /** Says in words what the answer was. */
  readonly judge: (answer: Response, revision: number, span: Span) => string;
  readonly refused?: (error: EtcdError, span: Span) => void;
  /** False: certainly without effect. */
  readonly done?: (mayHaveEffect: boolean) => void;
}

export class Probes {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #asking: Asking;
  readonly #answers: Answers;

  constructor(world: World, ledger: Ledger, asking: Asking, answers: Answers) {
    this.#world = world;
    this.#ledger = ledger;
    this.#asking = asking;
    this.#answers = answers;
  }

  ask<Response extends { readonly header: ResponseHeader | null }>(probe: Probe<Response>): void {
    const { machine, text, isFresh, send } = probe;
    const first = this.#ledger.committedIndex;
    const startUs = this.#world.scheduler.nowUs;
    const floor = this.#answers.newest;
    this.#asking.ask<Response, { readonly kind: "ok"; readonly text: string }>({
      machine,
      text,
      send,
      take: (result) => {
        const received = answerIn(result);
        const span = { first, last: this.#ledger.committedIndex, startUs };
        if (received.kind === "ok") {
          const { answer } = received;
          const revision = this.#answers.shown({ text, floor }, answer.header?.revision ?? 0, isFresh);
          return { kind: "ok", text: probe.judge(answer, revision, span) };
        }
        if (result.kind === "answered" && isEtcdError(result.answer)) probe.refused?.(result.answer, span);
        return received;
      },
      describe: (taken) => taken.text,
      done: ({ kind }) => probe.done?.(kind !== "failed"),
    });
  }
}
