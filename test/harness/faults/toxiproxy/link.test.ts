/** A link under every order of events: what comes out is what went in, whatever toxics came, changed and went meanwhile. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Prng } from "../../../../src/base/prng.ts";
import type { Clock } from "../../../../src/env/clock.ts";
import { decodeFirst, decodeObject } from "../../../../src/harness/faults/toxiproxy/json.ts";
import { Link } from "../../../../src/harness/faults/toxiproxy/link.ts";
import { createToxic, type Toxic, updateToxic } from "../../../../src/harness/faults/toxiproxy/toxic.ts";
import { pieceEnds } from "../../../../src/harness/faults/toxiproxy/toxics/slicer.ts";
import fc from "../../../support/fast-check.ts";

/** Time that passes only when the test says so. */
class ManualClock implements Clock {
  #nowMs = 0;
  #timers: { atMs: number; action: () => void }[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): { cancel(): void } {
    const timer = { atMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.action();
    }
    this.#nowMs = untilMs;
  }
}

/** As much of a socket as a link uses. */
class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  writableNeedDrain = false;
  ending = false;
  #paused = false;

  write(bytes: Uint8Array): boolean {
    assert.equal(this.ending, false, "nothing is written after the end");
    this.written.push(Buffer.from(bytes));
    return true;
  }

  destroySoon(): void {
    this.ending = true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  isPaused(): boolean {
    return this.#paused;
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }
}

const attributes = fc.record({
  latency: fc.integer({ min: 0, max: 300 }),
  jitter: fc.integer({ min: 0, max: 400 }),
  rate: fc.integer({ min: 0, max: 50 }),
  average_size: fc.integer({ min: -100, max: 3000 }),
  size_variation: fc.integer({ min: -100, max: 3000 }),
  delay: fc.integer({ min: 0, max: 1000 }),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("send" as const), size: fc.integer({ min: 1, max: 70_000 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 250 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      type: fc.constantFrom("latency", "bandwidth", "noop", "slicer", "slow_close"),
      toxicity: fc.constantFrom(0, 0.5, 1),
      attributes,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("update" as const),
      which: fc.nat(20),
      toxicity: fc.constantFrom(0, 1),
      attributes,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), which: fc.nat(20) }) },
);

const toxic = (body: object): Toxic => createToxic(decodeObject(JSON.stringify(body)), () => undefined);

function start(seed: number): { link: Link; clock: ManualClock; source: FakeSocket; destination: FakeSocket } {
  const [source, destination, clock] = [new FakeSocket(), new FakeSocket(), new ManualClock()];
  const link = new Link({
    source: source.socket,
    destination: destination.socket,
    toxics: [],
    resets: false,
    stalled: false,
    clock,
    prng: new Prng(seed),
  });
  return { link, clock, source, destination };
}

test("whatever comes, changes and goes, every byte arrives once, in order, and the end comes last", () => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), fc.nat(), (steps, endsEarly, seed) => {
    const { link, clock, source, destination } = start(seed);
    const toxics: Toxic[] = [];
    const sent: Buffer[] = [];
    const bytes = new Prng(seed);
    let ended = false;
    const send = (size: number): void => {
      const chunk = Buffer.alloc(size, bytes.below(256));
      sent.push(chunk);
      source.emit("data", chunk);
    };
    steps.forEach((each, index) => {
      if (endsEarly && index === Math.floor(steps.length / 2)) {
        source.emit("end");
        ended = true;
      }
      const chosen = "which" in each ? toxics[each.which % Math.max(1, toxics.length)] : undefined;
      if (each.kind === "send" && !ended) send(each.size);
      else if (each.kind === "pass") clock.pass(each.ms);
      else if (each.kind === "add") {
        const added = toxic({ ...each, name: `t${index}` });
        toxics.push(added);
        link.add(added);
      } else if (each.kind === "update" && chosen !== undefined) {
        updateToxic(chosen, decodeObject(JSON.stringify(each)));
        link.update(chosen);
      } else if (each.kind === "remove" && chosen !== undefined) {
        toxics.splice(toxics.indexOf(chosen), 1);
        link.remove(chosen);
      }
      const got = Buffer.concat(destination.written);
      assert.ok(got.equals(Buffer.concat(sent).subarray(0, got.length)), "a prefix of what was sent");
    });
    if (!ended) source.emit("end");
    for (const left of toxics) link.remove(left);
    assert.ok(Buffer.concat(destination.written).equals(Buffer.concat(sent)));
    assert.equal(destination.ending, true);
    assert.equal(source.isPaused(), false);
  });
  fc.assert(property, { numRuns: 300 });
});

test("a latency stage holds at most its queue before the source is paused, and lets go of it again", () => {
  const { link, clock, source, destination } = start(1);
  link.add(toxic({ type: "latency", attributes: { latency: 1000 } }));
  for (let i = 0; i < 1024; i++) {
    assert.equal(source.isPaused(), false);
    source.emit("data", Buffer.alloc(10));
  }
  assert.equal(source.isPaused(), true);
  clock.pass(999);
  assert.equal(destination.written.length, 0);
  clock.pass(1);
  assert.equal(destination.written.length, 1024);
  assert.equal(source.isPaused(), false);
});

test("bandwidth is exact in the long run: 100 KB/s carry 50 kB in five pieces over half a second", () => {
  const { link, clock, source, destination } = start(1);
  link.add(toxic({ type: "bandwidth", attributes: { rate: 100 } }));
  source.emit("data", Buffer.alloc(25_000));
  source.emit("data", Buffer.alloc(25_000));
  const arrived: number[] = [];
  for (let ms = 0; ms <= 600; ms += 10) {
    clock.pass(10);
    arrived.push(destination.written.reduce((sum, part) => sum + part.length, 0));
  }
  assert.equal(arrived[8], 0, "nothing before 100 ms");
  assert.equal(arrived[9], 10_000);
  assert.equal(arrived[48], 40_000 + 5_000);
  assert.equal(arrived[49], 50_000, "the last byte at 500 ms");
});

test("jitter stays within its bounds, never reorders, and repeats with its seed", () => {
  const arrivals = (seed: number): string => {
    const { link, clock, source, destination } = start(seed);
    link.add(toxic({ type: "latency", attributes: { latency: 100, jitter: 50 } }));
    const times: number[] = [];
    for (let i = 0; i < 50; i++) source.emit("data", Buffer.from([i]));
    for (let ms = 1; ms <= 150; ms++) {
      clock.pass(1);
      while (times.length < destination.written.length) times.push(ms);
    }
    assert.equal(times.length, 50);
    assert.ok(times.every((ms) => ms >= 50 && ms < 150));
    assert.deepEqual(
      destination.written.map((part) => part[0]),
      Array.from({ length: 50 }, (_, i) => i),
    );
    return times.join();
  };
  assert.equal(arrivals(3), arrivals(3));
  assert.notEqual(arrivals(3), arrivals(4));
});

test("a stalled link whose destination is gone collects nothing", () => {
  const { link, source, destination } = start(1);
  link.add(toxic({ type: "bandwidth", attributes: { rate: 0 } }));
  source.emit("data", Buffer.alloc(70_000));
  assert.equal(source.isPaused(), true);
  destination.emit("close");
  assert.equal(source.isPaused(), false, "read on, to see it end");
  source.emit("data", Buffer.alloc(70_000));
  assert.equal(source.isPaused(), false);
  assert.equal(destination.written.length, 0);
});

test("a reset_peer that has begun is not called off by update or removal, and drops what comes", () => {
  const { link, clock, source, destination } = start(1);
  const reset = toxic({ type: "reset_peer", attributes: { timeout: 100 } });
  link.add(reset);
  source.emit("data", Buffer.from("x"));
  updateToxic(reset, decodeObject('{"attributes":{"timeout":0},"toxicity":0}'));
  link.update(reset);
  link.remove(reset);
  link.add(toxic({ type: "noop" }));
  source.emit("data", Buffer.from("y"));
  clock.pass(99);
  assert.equal(destination.ending, false);
  clock.pass(1);
  assert.equal(destination.ending, true);
  assert.equal(destination.written.length, 0);
});

test("a slicer's pieces cover the chunk, none above average plus variation, none empty", () => {
  const size = fc.integer({ min: -100, max: 5000 });
  const property = fc.property(
    fc.integer({ min: 1, max: 40_000 }),
    size,
    size,
    fc.nat(),
    (length, average, vary, seed) => {
      const ends = pieceEnds(length, average, vary, new Prng(seed));
      assert.equal(ends.at(-1), length);
      ends.forEach((end, i) => {
        const piece = end - (ends[i - 1] ?? 0);
        assert.ok(piece >= 1 && piece <= Math.max(1, average + vary));
      });
    },
  );
  fc.assert(property, { numRuns: 200 });
});

test("request bodies mean what JSON.parse says, also with something behind them, and cut short they are refused", () => {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== "object" || value === null) return value;
    // A number keeps the text it was written as.
    if (Object.getPrototypeOf(value) !== Object.prototype) return Number((value as { text: string }).text);
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
  };
  const property = fc.property(
    fc.json({ maxDepth: 4 }),
    fc.constantFrom("", " ", "\n{", "]}", ' "x'),
    fc.nat(),
    (text, more, cut) => {
      const spaced = JSON.stringify(JSON.parse(text), null, cut % 3);
      assert.deepEqual(plain(decodeFirst(spaced + more)), JSON.parse(text));
      const short = spaced.slice(0, cut % spaced.length);
      if (/^[[{"]/.test(short)) assert.throws(() => decodeFirst(short), { status: 400 });
    },
  );
  fc.assert(property, { numRuns: 500 });
});
