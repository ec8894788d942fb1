/** How a client reaches the process of a machine: its request and the answer take time, and either may be lost with the process. */
import type { Prng } from "../base/prng.ts";
import type { Answer, Reading } from "../etcd/member.ts";
import type { Soon } from "../etcd/requests.ts";
import type { Machine } from "./machine.ts";
import type { Door } from "./model.ts";
import type { World } from "./world.ts";

export type CallResult<Response> =
  | { readonly kind: "answered"; readonly answer: Answer<Response> }
  /** Nobody listens there. */
  | { readonly kind: "refused" }
  /** The process ended before the answer was here. */
  | { readonly kind: "lost" };

const WAY_MS = 0.3;
/** How much later than possible a reading is made. */
const READING_MS = 0.5;

export class Calls {
  readonly #world: World;
  readonly #chance: Prng;

  constructor(world: World) {
    this.#world = world;
    this.#chance = world.chance("calls");
  }

  /** `done` is called once. */
  call<Response>(
    machine: Machine,
    ask: (door: Door) => Soon<Response>,
    done: (result: CallResult<Response>) => void,
  ): void {
    this.#later(WAY_MS, () => {
      const { process } = machine;
      const door = process?.door;
      if (process === null || door == null) {
        this.#later(WAY_MS, () => done({ kind: "refused" }));
        return;
      }
      const end = (result: CallResult<Response>): void => {
        if (process.onEnd.delete(lost)) this.#later(WAY_MS, () => done(result));
      };
      const lost = (): void => end({ kind: "lost" });
      process.onEnd.add(lost);
      const answer = (made: Answer<Response> | Reading<Response>): void => {
        if (typeof made !== "function") {
          end({ kind: "answered", answer: made });
          return;
        }
        this.#later(READING_MS, () =>
          machine.run(process, () => end({ kind: "answered", answer: (made as Reading<Response>)() })),
        );
      };
      machine.run(process, () => {
        const soon = ask(door);
        if (soon instanceof Promise) void soon.then(answer);
        else answer(soon);
      });
    });
  }

  #later(meanMs: number, action: () => void): void {
    this.#world.scheduler.after(20 + this.#chance.exponential(meanMs * 1000), action);
  }
}
