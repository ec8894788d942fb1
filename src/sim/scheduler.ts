/**
 * Simulated time: a queue of events, run one after the other. After each event everything that it set going in promises runs to
 * its end before the next begins, so that one seed has one order of everything.
 */
import { assert } from "../base/assert.ts";

export interface ScheduledEvent {
  readonly atUs: number;
  readonly order: number;
  action: (() => void) | null;
}

export class Scheduler {
  /** Simulated time since the beginning, in whole microseconds. */
  nowUs = 0;
  eventsTotal = 0;
  readonly #heap: ScheduledEvent[] = [];
  readonly #afterEvent: () => void;
  #order = 0;

  /** `afterEvent` runs when an event and all that followed from it at once is over. */
  constructor(afterEvent: () => void) {
    this.#afterEvent = afterEvent;
  }

  get nowNs(): number {
    return this.nowUs * 1000;
  }

  /** Events of one moment run in the order in which they were asked for. Clear `action` to cancel. */
  after(delayUs: number, action: () => void): ScheduledEvent {
    assert(delayUs >= 0, "nothing is scheduled for the past", { delayUs });
    const event: ScheduledEvent = { atUs: this.nowUs + Math.round(delayUs), order: this.#order++, action };
    this.#push(event);
    return event;
  }

  /** Runs events until `until` says so (asked after each), time passes `limitUs` or nothing is left. */
  async run(limitUs: number, until: () => boolean): Promise<void> {
    while (this.#heap.length > 0 && !until()) {
      const event = this.#heap[0] as ScheduledEvent;
      if (event.atUs > limitUs) break;
      this.#pop();
      if (event.action === null) continue;
      this.nowUs = event.atUs;
      this.eventsTotal++;
      event.action();
      await settled();
      this.#afterEvent();
    }
    if (!until()) this.nowUs = Math.max(this.nowUs, limitUs);
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as ScheduledEvent)) break;
      heap[at] = heap[parent] as ScheduledEvent;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as ScheduledEvent;
    const length = heap.length;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1] as ScheduledEvent, heap[child] as ScheduledEvent)) child++;
      if (!isBefore(heap[child] as ScheduledEvent, last)) break;
      heap[at] = heap[child] as ScheduledEvent;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}

/** Resolves when no promise has anything left to do: Node runs its next ticks only once the queue of promises is empty. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
