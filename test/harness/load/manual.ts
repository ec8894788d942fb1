import { Prng } from "../../../src/base/prng.ts";
import type { Clock } from "../../../src/env/clock.ts";
import type { GrpcConnection } from "../../../src/grpc/connection.ts";
import type { GrpcError } from "../../../src/grpc/status.ts";
import { Recorder } from "../../../src/harness/history/recorder.ts";
import { Calls } from "../../../src/harness/load/calls.ts";
import { Keys, keyPicker } from "../../../src/harness/load/keys.ts";
import { type Answer, KvWorkload } from "../../../src/harness/load/kv.ts";
import type { Link } from "../../../src/harness/load/link.ts";
import type { LoopOptions } from "../../../src/harness/load/loops.ts";
import { OperationSource } from "../../../src/harness/load/schedule.ts";
import { Values } from "../../../src/harness/load/values.ts";
import type { OperationRecord } from "../../../src/harness/model/history.ts";
import { PutResponse, ResponseHeader } from "../../../src/proto/gen/etcdserverpb.ts";

/** A clock that only moves when told to, and runs the timers that come due on the way. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { readonly at: number; readonly action: () => void }[] = [];

  monotonicMs(): number {
    return this.#now;
  }

  wallMs(): number {
    return this.#now;
  }

  after(delayMs: number, action: () => void): { cancel(): void } {
    const timer = { at: this.#now + Math.max(1, delayMs), action };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((one) => one !== timer);
      },
    };
  }

  /** Runs what is due until then, in order. */
  advanceTo(ms: number): void {
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= ms).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
    this.#now = ms;
  }

  /** The process stands still: time passes and no timer runs. */
  stallTo(ms: number): void {
    this.#now = ms;
  }
}

type Done = (error: GrpcError | null, answer: Answer | null) => void;

/** Everything of a driver but its sockets: one client whose server is the test. */
export class Bench {
  readonly clock: ManualClock = new ManualClock();
  readonly recorder: Recorder;
  readonly calls: Calls;
  readonly abort: AbortController = new AbortController();
  readonly canceled: number[] = [];
  /** Calls sent and not answered yet, oldest first. */
  readonly waiting: Done[] = [];
  /** Called for each call in place of queueing it. */
  serve: ((done: Done) => void) | null = null;
  connected = true;
  stoppedAtMs: number | null = null;
  readonly options: LoopOptions;
  readonly nowNs = (): number => Math.round(this.clock.monotonicMs() * 1e6);

  constructor(deadlineMs: number, operationsMax?: number) {
    const keys = new Keys({ prefix: "k", count: 10 });
    const names = {
      members: ["n1"],
      clients: [0],
      watchers: [],
      phases: ["p"],
      keyText: (key: number) => keys.text(key),
    };
    this.recorder = new Recorder(names, operationsMax);
    const connection = {
      unary: (_method: unknown, _request: unknown, _options: unknown, done: Done) => {
        const number = this.canceled.length + this.waiting.length;
        if (this.serve !== null) this.serve(done);
        else this.waiting.push(done);
        return { cancel: () => this.canceled.push(number) };
      },
    } as unknown as GrpcConnection;
    const bench = this;
    const link = {
      get connection() {
        return bench.connected ? connection : null;
      },
    } as Link;
    this.calls = new Calls({
      links: [link],
      workload: new KvWorkload(keys, new Values(16), this.recorder),
      recorder: this.recorder,
      nowNs: this.nowNs,
      deadlineNs: deadlineMs * 1e6,
    });
    this.options = {
      calls: this.calls,
      clock: this.clock,
      nowNs: this.nowNs,
      phase: 0,
      signal: this.abort.signal,
      stopped: () => {
        this.stoppedAtMs = this.clock.monotonicMs();
      },
    };
  }

  source(): OperationSource {
    return new OperationSource({ put: 1 }, keyPicker(10, "uniform"), new Prng(1));
  }

  answer(done: Done | undefined): void {
    done?.(null, PutResponse.create({ header: ResponseHeader.create({ revision: 2 }) }));
  }

  /** What was recorded, once everything has ended. */
  operations(): OperationRecord[] {
    return [...this.recorder.records()].filter((record) => record.type === "operation");
  }
}
