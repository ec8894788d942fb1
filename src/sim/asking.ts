/** How clients ask: every question has an answer in the end, if only that its time was up; counted, and told in the story. */
import type { Soon } from "../etcd/requests.ts";
import type { Outcome } from "../harness/model/history.ts";
import type { CallResult, Calls } from "./calls.ts";
import type { Machine } from "./machine.ts";
import type { Door } from "./model.ts";
import type { World } from "./world.ts";

type NoAnswer = Exclude<Outcome, { readonly kind: "ok" }>;

/** What came of a question, in the asker's own words when it was answered well. */
export interface Inquiry<Response, Taken extends { readonly kind: Outcome["kind"] }> {
  readonly machine: Machine;
  readonly text: string;
  readonly send: (door: Door) => Soon<Response>;
  readonly take: (result: CallResult<Response>) => Taken | NoAnswer;
  readonly describe: (taken: Taken) => string;
  readonly done: (taken: Taken | NoAnswer, id: number, startUs: number) => void;
}

export class Asking {
  readonly #world: World;
  readonly #calls: Calls;
  readonly #counts = { ok: 0, failed: 0, unknown: 0 };
  #asked = 0;
  #inFlight = 0;

  constructor(world: World, calls: Calls) {
    this.#world = world;
    this.#calls = calls;
  }

  get counts(): { readonly ok: number; readonly failed: number; readonly unknown: number } {
    return this.#counts;
  }

  get isIdle(): boolean {
    return this.#inFlight === 0;
  }

  /** The number of the next question. */
  get next(): number {
    return this.#asked;
  }

  ask<Response, Taken extends { readonly kind: Outcome["kind"] }>(inquiry: Inquiry<Response, Taken>): void {
    const { machine, text, send, take, describe, done } = inquiry;
    const { scheduler, scenario } = this.#world;
    const id = this.#asked++;
    const startUs = scheduler.nowUs;
    let over = false;
    this.#inFlight++;
    const end = (taken: Taken | NoAnswer): void => {
      if (over) return;
      over = true;
      deadline.action = null;
      this.#inFlight--;
      this.#counts[taken.kind]++;
      this.#world.tell(
        "client",
        () => `${id}: ${"reason" in taken ? `${taken.kind}: ${taken.reason}` : describe(taken)}`,
      );
      done(taken, id, startUs);
    };
    const deadline = scheduler.after(scenario.load.deadlineMs * 1000, () =>
      end({ kind: "unknown", reason: "no answer in time" }),
    );
    this.#world.tell("client", () => `${id}: ${text}`);
    this.#calls.call(machine, send, (result) => {
      // What comes too late is as good as lost.
      if (!over) end(take(result));
    });
  }
}
