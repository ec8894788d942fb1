import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Deadlines, Expiring } from "../../src/grpc/deadlines.ts";
import { decodeMessage, encodeMessage } from "../../src/grpc/status.ts";
import { formatTimeout, parseTimeout } from "../../src/grpc/timeout.ts";
import fc from "../support/fast-check.ts";
import { ManualClock } from "./manual-clock.ts";

describe("grpc-message", () => {
  it("gives back any text, and is visible ASCII on the wire", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const encoded = encodeMessage(text);
        assert.match(encoded, /^[ -~]*$/);
        assert.equal(decodeMessage(encoded), text);
      }),
    );
  });

  it("keeps what is no valid escape", () => {
    assert.equal(decodeMessage("100% or %zz %C3%B6"), "100% or %zz ö");
  });
});

describe("grpc-timeout", () => {
  it("is never shorter than asked for and at most 1 ms longer, or 1 s above a day", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e11, noNaN: true }), (timeoutMs) => {
        const text = formatTimeout(timeoutMs);
        const parsed = parseTimeout(text) as number;
        assert.match(text, /^\d{1,8}[HMSmun]$/);
        if (timeoutMs > 99_999_999_000) return;
        assert.ok(parsed >= timeoutMs && parsed <= timeoutMs + (timeoutMs > 80_000_000 ? 1_000 : 1), text);
      }),
    );
  });

  it("reads every unit and nothing else", () => {
    const cases: readonly (readonly [string, number | null])[] = [
      ["2H", 7_200_000],
      ["3M", 180_000],
      ["5S", 5_000],
      ["7m", 7],
      ["1500u", 1.5],
      ["2000000n", 2],
      ["", null],
      ["5", null],
      ["S", null],
      ["123456789S", null],
      ["-1S", null],
      ["1.5S", null],
      ["1s", null],
    ];
    for (const [text, expected] of cases) assert.equal(parseTimeout(text), expected, text);
  });
});

class Item extends Expiring {
  readonly #clock: ManualClock;
  firedAtMs = -1;
  constructor(clock: ManualClock) {
    super();
    this.#clock = clock;
  }
  expired(): void {
    assert.equal(this.firedAtMs, -1, "expires once");
    this.firedAtMs = this.#clock.nowMs;
  }
}

type Step = { readonly add: number } | { readonly remove: number } | { readonly advance: number };

describe("the deadline wheel", () => {
  it("fires what a sorted list would fire, never early and at most 10 ms late", () => {
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 40_000 })).map((add) => ({ add })),
      fc.nat(50).map((remove) => ({ remove })),
      fc.oneof(fc.nat(100), fc.nat(30_000)).map((advance) => ({ advance })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const clock = new ManualClock();
        const wheel = new Deadlines(clock);
        const items: { readonly item: Item; readonly dueMs: number; removed: boolean }[] = [];
        const check = (): void => {
          for (const { item, dueMs, removed } of items) {
            if (removed) continue;
            if (item.firedAtMs >= 0) assert.ok(item.firedAtMs >= dueMs && item.firedAtMs <= dueMs + 10);
            else assert.ok(dueMs + 10 >= clock.nowMs, `${dueMs} did not fire by ${clock.nowMs}`);
          }
        };
        for (const one of [...steps, { advance: 100_000 }]) {
          if ("add" in one) {
            const item = new Item(clock);
            wheel.add(item, one.add);
            items.push({ item, dueMs: clock.nowMs + one.add, removed: false });
          } else if ("remove" in one) {
            const chosen = items[one.remove];
            if (chosen === undefined) continue;
            wheel.remove(chosen.item);
            if (chosen.item.firedAtMs < 0) chosen.removed = true;
          } else {
            clock.advance(one.advance);
          }
          check();
        }
        for (const { item, removed } of items) assert.equal(item.firedAtMs >= 0, !removed);
      }),
    );
  });

  it("needs a few timers for a hundred thousand calls that end in time", () => {
    const clock = new ManualClock();
    const wheel = new Deadlines(clock);
    for (let i = 0; i < 100_000; i++) {
      const item = new Item(clock);
      wheel.add(item, 5_000);
      clock.advance(0.1);
      wheel.remove(item);
    }
    assert.ok(clock.started <= 5, `${clock.started} timers`);
  });
});
