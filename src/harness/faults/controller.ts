import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import type { RunEvent } from "../model/events.ts";
import type { PlannedFault } from "../model/plan.ts";
import { createFault } from "./catalogue.ts";
import type { Fault, FaultContext } from "./fault.ts";

const HEAL_ATTEMPTS = 5;
const HEAL_RETRY_MS = 200;

export interface ControllerOptions extends FaultContext {
  /** Nanoseconds since the run began. */
  readonly nowNs: () => number;
  readonly record: (event: RunEvent) => void;
}

/** How one planned fault went. */
export interface FaultResult {
  readonly fault: string;
  /** Empty when it was not injected. */
  readonly members: readonly string[];
  /** Null: its effect was seen. Otherwise why nothing should be concluded from the run having withstood it. */
  readonly unproven: string | null;
  readonly healed: boolean;
}

/** Runs a plan's faults against one cluster and writes down what it does. */
export class FaultController {
  readonly #options: ControllerOptions;
  readonly #timesUsed = new Map<string, number>();

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /**
   * Runs the faults of one phase, called when it starts: each at its time, for its duration, side by side. Resolves when all have
   * healed. An abort heals at once and injects no more. Never rejects: a fault that cannot be injected, proven or healed is
   * recorded as a note and told in its result.
   */
  async run(planned: readonly PlannedFault[], signal: AbortSignal): Promise<readonly FaultResult[]> {
    return await Promise.all(planned.map((each) => this.#runOne(each, signal)));
  }

  async #runOne(planned: PlannedFault, signal: AbortSignal): Promise<FaultResult> {
    assert(planned.durationMs > 0, "a fault lasts", { planned });
    const fault = createFault(planned.fault, this.#nameFor(planned));
    await sleep(planned.atMs, signal);
    if (signal.aborted) return { fault: fault.name, members: [], unproven: "the run ended before it", healed: true };
    const { nowNs, record } = this.#options;
    let members: readonly string[] = [];
    let unproven: string | null = null;
    const atNs = nowNs();
    try {
      const injected = await fault.inject(this.#options);
      ({ members } = injected);
      record({ atNs, kind: "fault-injected", fault: fault.name, members, description: injected.description });
      unproven = await whileItLasts(planned.durationMs, signal, injected.verify);
      unproven ??= injected.lasted?.() ?? null;
    } catch (error) {
      unproven = `it could not be injected: ${message(error)}`;
    }
    if (unproven !== null && !signal.aborted)
      record({ atNs: nowNs(), kind: "fault-unproven", fault: fault.name, reason: unproven });
    const healed = await this.#heal(fault);
    if (healed && members.length > 0) record({ atNs: nowNs(), kind: "fault-healed", fault: fault.name });
    return { fault: fault.name, members, unproven, healed };
  }

  /** Tries more than once: a fault that stays would spoil all that follows. */
  async #heal(fault: Fault): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        await fault.heal();
        return true;
      } catch (error) {
        if (attempt < HEAL_ATTEMPTS) {
          await delay(HEAL_RETRY_MS);
          continue;
        }
        this.#note(`${fault.name}: could not be healed: ${message(error)}`);
        return false;
      }
    }
  }

  #nameFor({ fault }: PlannedFault): string {
    const name = `${fault.kind}-${fault.kind === "partition" ? fault.isolate : fault.member}`;
    const used = (this.#timesUsed.get(name) ?? 0) + 1;
    this.#timesUsed.set(name, used);
    return used === 1 ? name : `${name}-${used}`;
  }

  #note(text: string): void {
    this.#options.record({ atNs: this.#options.nowNs(), kind: "note", text });
  }
}

/** Lets the time pass and looks at the effect meanwhile; a look that takes longer than the fault proves nothing. */
async function whileItLasts(
  durationMs: number,
  signal: AbortSignal,
  verify: () => Promise<string | null>,
): Promise<string | null> {
  let seen: string | null = "it ended before its effect could be seen";
  void verify().then(
    (unproven) => {
      seen = unproven;
    },
    (error: unknown) => {
      seen = `its effect could not be looked at: ${message(error)}`;
    },
  );
  await sleep(durationMs, signal);
  return seen;
}

/** Ends early, without an error, when the signal aborts. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
