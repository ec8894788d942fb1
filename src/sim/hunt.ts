/**
 * Hunts leaders: whoever comes to lead is struck at a telling moment, before anything of its term was acknowledged or right after
 * the first few acknowledgements. Half of the hunts hold down only the last one struck, so that leaders of earlier terms come
 * back with what they alone had written (Raft, section 5.4.2, figure 8).
 */
import type { Prng } from "../base/prng.ts";
import type { Message } from "../etcd/model.ts";
import type { Network } from "./network.ts";
import { machineOf, type World } from "./world.ts";

export type Undo = () => void;

export class Hunt {
  readonly #world: World;
  readonly #chance: Prng;
  readonly #strike: (machine: number) => Undo;
  readonly #stopListening: () => void;
  readonly #relays: boolean;
  readonly #struck = new Set<Undo>();
  #term = 0;
  #acknowledgements = 0;
  /** So many of the leader's are let pass. */
  #allowed = 0;
  #isDue = false;
  #over = false;

  /** `strike` takes a machine out, its result brings it back. */
  constructor(world: World, network: Network, chance: Prng, strike: (machine: number) => Undo) {
    this.#world = world;
    this.#chance = chance;
    this.#strike = strike;
    this.#relays = chance.float() < 0.5;
    this.#stopListening = network.listen({
      sent: (message) => this.#sent(message),
      arrived: (message) => this.#arrived(message),
    });
  }

  end(): void {
    this.#over = true;
    this.#stopListening();
    this.#release();
  }

  #sent({ kind, term, from }: Message): void {
    if (kind !== "append" || term <= this.#term) return;
    this.#term = term;
    this.#acknowledgements = 0;
    this.#allowed = this.#chance.pick([0, 0, 1, 2, 3, 10]);
    this.#isDue = true;
    if (this.#allowed === 0) this.#hit(machineOf(from));
  }

  #arrived(message: Message): void {
    if (message.kind !== "append-response" || message.rejected !== null || message.term !== this.#term) return;
    this.#acknowledgements++;
    if (this.#acknowledgements >= this.#allowed) this.#hit(machineOf(message.to));
  }

  #hit(machine: number): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    const { electionMs } = this.#world.scenario;
    // Not in the middle of the step that gave it away; what it has just sent is cut off all the same.
    this.#world.scheduler.after(0, () => {
      if (this.#over) return;
      if (this.#relays) this.#release();
      const undo = this.#strike(machine);
      this.#struck.add(undo);
      if (this.#relays) return;
      this.#world.scheduler.after((0.5 + 2 * this.#chance.float()) * electionMs * 1000, () => {
        if (this.#struck.delete(undo)) undo();
      });
    });
  }

  #release(): void {
    for (const undo of this.#struck) undo();
    this.#struck.clear();
  }
}
