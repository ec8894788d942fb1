import type { GrpcError } from "../../grpc/status.ts";
import type { Recorder } from "../history/recorder.ts";
import type { Answer, CallHandle, KvWorkload } from "./kv.ts";
import type { Link } from "./link.ts";
import { outcomeOf, reasonOf } from "./outcomes.ts";

/** More in flight than this and the driver measures its own queue. */
export const IN_FLIGHT_MAX = 10_000;

const NOT_CONNECTED = "not connected";

/** Told when an operation is over. `sent` false: it never left, because the connection was gone. */
export type CallEnded = (lane: number, endNs: number, sent: boolean) => void;

/** How operations ended so far. */
export interface Tally {
  ok: number;
  failed: number;
  unknown: number;
}

interface Call {
  readonly id: number;
  readonly kind: number;
  readonly key: number;
  readonly lane: number;
  readonly startNs: number;
  handle: CallHandle | null;
  open: boolean;
  older: Call | null;
  newer: Call | null;
}

export interface CallsOptions {
  readonly links: readonly Link[];
  readonly workload: KvWorkload;
  readonly recorder: Recorder;
  readonly nowNs: () => number;
  readonly deadlineNs: number;
}

/**
 * The operations in flight. Each begins, and ends exactly once: with its answer, its error or its deadline, whichever comes
 * first; what comes later is ignored. A list from oldest to newest, because with one deadline for all the oldest ends first.
 */
export class Calls {
  readonly tally: Tally = { ok: 0, failed: 0, unknown: 0 };
  /** Set for the phase that runs. */
  ended: CallEnded = () => {};
  /** One for all calls in flight: changed only while there are none. */
  deadlineNs: number;
  readonly #options: CallsOptions;
  #oldest: Call | null = null;
  #newest: Call | null = null;
  #inFlight = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.deadlineNs = options.deadlineNs;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether another operation may begin; if not it counts as unsent. */
  get room(): boolean {
    return this.#inFlight < IN_FLIGHT_MAX && !this.#options.recorder.full;
  }

  /** Starts an operation now. `intendedNs` null: it was due now. `ended` may be called before this returns. */
  begin(phase: number, client: number, kind: number, key: number, intendedNs: number | null, lane: number): void {
    const { recorder, links, workload, nowNs } = this.#options;
    const startNs = nowNs();
    const id = recorder.begin(phase, client, kind, key, intendedNs ?? startNs, startNs);
    const connection = links[client]?.connection ?? null;
    if (connection === null) {
      recorder.unanswered(id, startNs, "failed", NOT_CONNECTED);
      this.tally.failed++;
      this.ended(lane, startNs, false);
      return;
    }
    const call: Call = { id, kind, key, lane, startNs, handle: null, open: true, older: this.#newest, newer: null };
    if (this.#newest === null) this.#oldest = call;
    else this.#newest.newer = call;
    this.#newest = call;
    this.#inFlight++;
    call.handle = workload.send(connection, kind, key, id, (error, answer) => this.#over(call, error, answer));
  }

  /** Ends what is past its deadline, as unknown: the effect may be there, or still come. */
  expire(): void {
    const { recorder, nowNs } = this.#options;
    const { deadlineNs } = this;
    const endNs = nowNs();
    for (let call = this.#oldest; call !== null && endNs - call.startNs >= deadlineNs; call = this.#oldest) {
      this.#remove(call);
      recorder.unanswered(call.id, endNs, "unknown", "no answer by the deadline");
      this.tally.unknown++;
      call.handle?.cancel();
      this.ended(call.lane, endNs, true);
    }
  }

  #over(call: Call, error: GrpcError | null, answer: Answer | null): void {
    if (!call.open) return;
    const { recorder, workload, nowNs } = this.#options;
    const endNs = nowNs();
    this.#remove(call);
    if (error === null && answer !== null && answer.header !== null) {
      workload.record(call.kind, call.key, call.id, endNs, answer);
      this.tally.ok++;
    } else if (error === null) {
      recorder.unanswered(call.id, endNs, "unknown", "an answer without a header");
      this.tally.unknown++;
    } else {
      const outcome = outcomeOf(error);
      recorder.unanswered(call.id, endNs, outcome, reasonOf(error));
      this.tally[outcome]++;
    }
    this.ended(call.lane, endNs, error === null || error.reached);
  }

  #remove(call: Call): void {
    call.open = false;
    this.#inFlight--;
    if (call.older === null) this.#oldest = call.newer;
    else call.older.newer = call.newer;
    if (call.newer === null) this.#newest = call.older;
    else call.newer.older = call.older;
    // A finished call must not keep its neighbours alive while the connection still knows it.
    call.older = null;
    call.newer = null;
  }
}
