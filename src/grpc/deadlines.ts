import { assert } from "../base/assert.ts";
import type { Clock, Timer } from "../env/clock.ts";

/** Something that ends at a time unless it is removed before. Its fields belong to `Deadlines`. */
export abstract class Expiring {
  deadlineMs = 0;
  slot = -1;
  earlier: Expiring | null = null;
  later: Expiring | null = null;
  abstract expired(): void;
}

const SLOT_MS = 10;
const SLOTS = 1_024;

/**
 * Deadlines of many calls with one timer: a hashed wheel (Varghese and Lauck, 1987). Adding and removing cost a few
 * assignments, and while calls end in time the timer fires about once per time-out. A deadline is never early and at most
 * `SLOT_MS` and the timer's own delay late.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #slots: (Expiring | null)[] = new Array<Expiring | null>(SLOTS).fill(null);
  #count = 0;
  #timer: Timer | null = null;
  /** The tick the timer waits for, and the last one that was looked at. */
  #timerTick = 0;
  #seenTick = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(item: Expiring, timeoutMs: number): void {
    assert(item.slot < 0, "an item waits for one deadline at a time");
    const nowMs = this.#clock.monotonicMs();
    item.deadlineMs = nowMs + timeoutMs;
    if (this.#count === 0) this.#seenTick = Math.floor(nowMs / SLOT_MS);
    const tick = Math.max(Math.ceil(item.deadlineMs / SLOT_MS), this.#seenTick + 1);
    const slot = tick % SLOTS;
    const first = this.#slots[slot]!;
    item.slot = slot;
    item.earlier = null;
    item.later = first;
    if (first !== null) first.earlier = item;
    this.#slots[slot] = item;
    this.#count++;
    if (this.#timer === null || tick < this.#timerTick) this.#arm(nowMs, tick);
  }

  /** Harmless for an item that does not wait. */
  remove(item: Expiring): void {
    if (item.slot < 0) return;
    if (item.earlier === null) this.#slots[item.slot] = item.later;
    else item.earlier.later = item.later;
    if (item.later !== null) item.later.earlier = item.earlier;
    item.slot = -1;
    item.earlier = null;
    item.later = null;
    this.#count--;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(nowMs: number, tick: number): void {
    this.#timer?.cancel();
    this.#timerTick = tick;
    this.#timer = this.#clock.after(Math.max(0, tick * SLOT_MS - nowMs), () => this.#fire());
  }

  #fire(): void {
    this.#timer = null;
    const nowMs = this.#clock.monotonicMs();
    const tick = Math.floor(nowMs / SLOT_MS);
    const due: Expiring[] = [];
    for (let seen = Math.max(this.#seenTick + 1, tick - SLOTS + 1); seen <= tick; seen++) {
      for (let item = this.#slots[seen % SLOTS] as Expiring | null; item !== null; item = item.later) {
        if (item.deadlineMs <= nowMs) due.push(item);
      }
    }
    this.#seenTick = Math.max(this.#seenTick, tick);
    for (const item of due) {
      // One expiry may have removed the next.
      if (item.slot < 0) continue;
      this.remove(item);
      item.expired();
    }
    this.#armNext();
  }

  /** Waits for the next slot with anything in it; items that are due only in a later round are looked at in vain. */
  #armNext(): void {
    if (this.#count === 0 || this.#timer !== null) return;
    let tick = this.#seenTick + 1;
    while (this.#slots[tick % SLOTS] === null) tick++;
    this.#arm(this.#clock.monotonicMs(), tick);
  }
}
