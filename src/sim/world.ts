/** What all parts of one simulation share: time, chance, the story, the first failure, and what was met on the way. */
import type { MemberId } from "../base/ids.ts";
import type { Prng } from "../base/prng.ts";
import { chanceOf } from "./chance.ts";
import type { Failure, FailureKind, Scenario } from "./model.ts";
import { Scheduler } from "./scheduler.ts";

/** Where the story goes, line by line; null when nobody reads it. */
export type Story = ((line: string) => void) | null;

/** More than any seed needs: one that comes to no rest is stopped. */
const EVENTS_MAX = 5_000_000;

export class World {
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly tells: boolean;
  readonly #story: Story;
  readonly #coverage = new Map<string, number>();
  #failure: Failure | null = null;
  #digest = 0;

  constructor(scenario: Scenario, story: Story, afterEvent: () => void) {
    this.scenario = scenario;
    this.scheduler = new Scheduler(afterEvent);
    this.#story = story;
    this.tells = story !== null;
  }

  get failure(): Failure | null {
    return this.#failure;
  }

  get digest(): number {
    return this.#digest;
  }

  get coverage(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#coverage].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  get isOver(): boolean {
    return this.#failure !== null;
  }

  chance(consumer: string): Prng {
    return chanceOf(this.scenario.seed, consumer);
  }

  /** The first failure is the seed's; what follows from it is not looked at. */
  fail(kind: FailureKind, text: string): void {
    if (this.#failure !== null) return;
    this.#failure = { kind, text, atUs: this.scheduler.nowUs };
    this.tell("FAILURE", () => `${kind}: ${text}`);
  }

  check(condition: boolean, kind: FailureKind, text: () => string): void {
    if (!condition) this.fail(kind, text());
  }

  /** Runs a step of the server: whatever it throws is its failure. */
  attempt(who: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail("assertion", `${who}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
    }
    if (this.scheduler.eventsTotal > EVENTS_MAX) this.fail("not live", `${EVENTS_MAX} events and no end`);
  }

  count(what: string, by = 1): void {
    this.#coverage.set(what, (this.#coverage.get(what) ?? 0) + by);
  }

  /** One line of the story; also made part of the digest without its text. */
  tell(who: string, text: () => string): void {
    this.stir(who.length);
    if (this.#story === null) return;
    const { nowUs } = this.scheduler;
    this.#story(`${(nowUs / 1e6).toFixed(6).padStart(10)} ${who.padEnd(8)} ${text()}`);
  }

  /** Mixes what happens, and when, into the digest. */
  stir(what: number): void {
    this.#digest = (Math.imul(this.#digest ^ what, 0x9e3779b1) ^ this.scheduler.nowUs) >>> 0;
    this.#digest = Math.imul(this.#digest ^ (this.#digest >>> 15), 0x85ebca6b) >>> 0;
  }
}

export function machineName(number: number): string {
  return `n${number + 1}`;
}

export function memberId(number: number): MemberId {
  return BigInt(number + 1) as MemberId;
}

export function machineOf(id: MemberId): number {
  return Number(id) - 1;
}

/** A name for a line of the story. */
export function nameOf(id: MemberId): string {
  return machineName(machineOf(id));
}
