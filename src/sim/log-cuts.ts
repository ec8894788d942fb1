/** When a machine's log is cut: after so many entries as its scenario says, or for a while as soon as it can be. */
import type { MemberOptions } from "../etcd/member-options.ts";
import type { CutsPlan } from "./model.ts";
import type { World } from "./world.ts";

interface Hurry {
  readonly catchUpEntries: number;
}

export class LogCuts {
  readonly #plan: CutsPlan;
  /** The last one counts. */
  readonly #hurries = new Set<Hurry>();

  constructor(plan: CutsPlan) {
    this.#plan = plan;
  }

  /** Until the returned function is called; so many entries stay for those that lag. */
  hurry(catchUpEntries: number): () => void {
    const hurry = { catchUpEntries };
    this.#hurries.add(hurry);
    return () => void this.#hurries.delete(hurry);
  }

  /** One was cut: where it would not have been, in the middle of what. */
  cut(world: World, circumstances: Readonly<Record<string, boolean>>): void {
    world.count("logs cut");
    if (this.#hurries.size === 0) return;
    world.count("logs cut by a fault");
    for (const [name, isSo] of Object.entries(circumstances)) if (isSo) world.count(`logs cut by a fault ${name}`);
  }

  /** The same options, with the limits that count when they are read. */
  within(options: MemberOptions): MemberOptions {
    const plan = this.#plan;
    const last = (): Hurry | undefined => [...this.#hurries].at(-1);
    return {
      ...options,
      get snapshotCount() {
        return last() === undefined ? plan.snapshotCount : 1;
      },
      get catchUpEntries() {
        return last()?.catchUpEntries ?? plan.catchUpEntries;
      },
    };
  }
}
