/** Carries out the faults of a scenario: each begins at its time and is undone at its end, or at the healing. */
import { unreachable } from "../base/assert.ts";
import type { EtcdError } from "../etcd/errors.ts";
import { Hunt, type Undo } from "./hunt.ts";
import type { Machine } from "./machine.ts";
import type { PlannedFault, SimFault, Target } from "./model.ts";
import type { Network } from "./network.ts";
import type { Operator } from "./operator.ts";
import { machineName, memberId, type World } from "./world.ts";

export class Faults {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  readonly #network: Network;
  readonly #operator: Operator;
  readonly #active = new Set<Undo>();
  readonly #counts = new Map<string, number>();
  #healed = false;

  constructor(world: World, machines: readonly Machine[], network: Network, operator: Operator) {
    this.#world = world;
    this.#machines = machines;
    this.#network = network;
    this.#operator = operator;
    for (const planned of world.scenario.faults) world.scheduler.after(planned.atMs * 1000, () => this.#begin(planned));
  }

  /** How many of each kind took effect. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Ends all of them: every machine runs, every link is whole and quiet. */
  heal(): void {
    this.#healed = true;
    this.#world.tell("faults", () => "are over: everything heals");
    for (const undo of [...this.#active]) undo();
    this.#network.calm();
    for (const machine of this.#machines) machine.start();
  }

  #begin({ number, durationMs, fault }: PlannedFault): void {
    if (this.#healed) return;
    const inject = this.#inject(fault, number);
    if (inject === null) return;
    const kind = fault.kind === "cut" ? `cut: ${fault.shape}` : fault.kind;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    this.#world.tell("faults", () => `#${number} for ${durationMs} ms: ${describe(fault)}`);
    const revert = inject();
    const undo = (): void => {
      if (!this.#active.delete(undo)) return;
      this.#world.tell("faults", () => `#${number} ends`);
      revert();
    };
    this.#active.add(undo);
    this.#world.scheduler.after(durationMs * 1000, undo);
  }

  /** Null when there is nobody it could hit. */
  #inject(fault: SimFault, number: number): (() => Undo) | null {
    if (fault.kind === "cut") return fault.links.length === 0 ? null : () => this.#cut(fault);
    if (fault.kind === "isolate-leader") return this.#isolateLeader(fault);
    if (fault.kind === "hunt-leaders") return () => this.#hunt(number);
    if (fault.kind === "membership") return this.#change(fault);
    if (fault.kind === "transfer") return this.#transfer(fault.target);
    if (fault.kind === "blackout") return () => this.#blackout();
    if (fault.kind === "picky-loss") return () => this.#network.lose(fault.lost, fault.chance);
    if (fault.kind === "storm") {
      return () => {
        this.#network.storm(fault.dropChance);
        return () => this.#network.storm(0);
      };
    }
    const machine = this.#find(fault.target);
    return machine === null ? null : this.#injectInto(machine, fault);
  }

  #injectInto(
    machine: Machine,
    fault: Exclude<Extract<SimFault, { readonly target: Target }>, { readonly kind: "transfer" }>,
  ): (() => Undo) | null {
    const { disk } = machine;
    switch (fault.kind) {
      case "crash":
        return machine.process === null ? null : () => crash(machine, fault.how);
      case "pause":
        return () => pause(machine);
      case "slow-disk":
        return () => {
          disk.slowness = fault.factor;
          return () => {
            disk.slowness = 1;
          };
        };
      case "full-disk":
        return () => {
          disk.full = true;
          return () => {
            disk.full = false;
          };
        };
      case "failed-sync":
        return () => {
          disk.failsSync = true;
          return () => {
            disk.failsSync = false;
          };
        };
      case "wall-jump":
        return () => {
          machine.clock.jump(fault.byMs);
          return () => {};
        };
      case "compact-log":
        return () => machine.cuts.hurry(fault.catchUpEntries);
      default:
        return unreachable(fault);
    }
  }

  #cut({ links, holds, flapMs }: Extract<SimFault, { readonly kind: "cut" }>): Undo {
    let cut = false;
    let over = false;
    const set = (wanted: boolean): void => {
      if (cut === wanted) return;
      cut = wanted;
      for (const [from, to] of links) {
        if (wanted) this.#network.block(from, to, holds);
        else this.#network.unblock(from, to, holds);
      }
    };
    const flap = (): void => {
      if (over) return;
      set(!cut);
      if (flapMs > 0) this.#world.scheduler.after(flapMs * 1000, flap);
    };
    flap();
    return () => {
      over = true;
      set(false);
    };
  }

  #isolateLeader({ direction, holds }: Extract<SimFault, { readonly kind: "isolate-leader" }>): (() => Undo) | null {
    const leader = this.#find("leader");
    return leader === null || this.#machines.length === 1 ? null : () => this.#isolate(leader, direction, holds);
  }

  #isolate({ number }: Machine, direction: "both" | "in" | "out", holds: boolean): Undo {
    const peers = this.#machines.map((other) => other.number).filter((other) => other !== number);
    const out = peers.map((other) => [number, other] as const);
    const back = peers.map((other) => [other, number] as const);
    const links = direction === "both" ? [...out, ...back] : direction === "out" ? out : back;
    return this.#cut({ kind: "cut", shape: "symmetric", links, flapMs: 0, holds });
  }

  #hunt(number: number): Undo {
    const chance = this.#world.chance(`hunt ${number}`);
    const hunt = new Hunt(this.#world, this.#network, chance, (machineNumber) => {
      const leader = this.#machines[machineNumber] as Machine;
      this.#world.tell("faults", () => `hit ${leader.name}, which leads`);
      const how = chance.float();
      if (how < 0.6) return this.#isolate(leader, chance.pick(["both", "out"]), false);
      return how < 0.85 ? pause(leader) : crash(leader, "kill");
    });
    return () => hunt.end();
  }

  #change({ change, leader }: Extract<SimFault, { readonly kind: "membership" }>): (() => Undo) | null {
    const begin = this.#operator.begin(change, leader ? this.#find("leader") : null);
    if (begin === null) return null;
    return () => {
      begin();
      return () => {};
    };
  }

  #transfer(target: number): (() => Undo) | null {
    const leader = this.#find("leader");
    const process = leader?.process;
    const member = leader?.member;
    if (leader === null || process == null || member == null || leader.number === target) return null;
    const ended = (refusal: EtcdError | null): void => {
      this.#world.count(refusal === null ? "transfers done" : "transfers failed");
      this.#world.tell("faults", () => `transfer to ${machineName(target)}: ${refusal?.message ?? "done"}`);
    };
    return () => {
      leader.run(process, () => void member.moveLeader(memberId(target)).then(ended));
      return () => {};
    };
  }

  #blackout(): Undo {
    for (const machine of this.#machines) if (machine.process !== null) machine.crash("power");
    return () => {
      for (const machine of this.#machines) machine.start();
    };
  }

  #find(target: Target): Machine | null {
    if (target !== "leader") return this.#machines[target] ?? null;
    let leader: Machine | null = null;
    let newest = -1;
    for (const machine of this.#machines) {
      const status = machine.member?.status;
      if (status === undefined || status.role !== "leader" || status.term <= newest) continue;
      leader = machine;
      newest = status.term;
    }
    return leader;
  }
}

function pause(machine: Machine): Undo {
  machine.pause();
  return () => machine.resume();
}

function crash(machine: Machine, how: Extract<SimFault, { readonly kind: "crash" }>["how"]): Undo {
  const { disk } = machine;
  let over = false;
  if (how === "stop") machine.stop();
  else if (how !== "mid-sync") machine.crash(how);
  else {
    disk.duringSync = () => {
      if (!over) machine.crash("power");
    };
  }
  return () => {
    over = true;
    disk.duringSync = null;
    machine.start();
  };
}

function describe(fault: SimFault): string {
  switch (fault.kind) {
    case "cut": {
      const links = fault.links.map(([from, to]) => `${machineName(from)}>${machineName(to)}`).join(" ");
      const flaps = fault.flapMs > 0 ? `, on and off every ${fault.flapMs} ms` : "";
      return `cut (${fault.shape}) ${links}${flaps}${fault.holds ? ", held back" : ""}`;
    }
    case "membership":
      return `${fault.change}${fault.leader ? " (the leader)" : ""}`;
    case "transfer":
      return `transfer leadership to ${machineName(fault.target)}`;
    case "isolate-leader":
      return `isolate the leader (${fault.direction})${fault.holds ? ", held back" : ""}`;
    case "crash":
      return `crash ${targetName(fault.target)} (${fault.how})`;
    case "blackout":
    case "hunt-leaders":
      return fault.kind;
    case "pause":
    case "full-disk":
    case "failed-sync":
      return `${fault.kind} ${targetName(fault.target)}`;
    case "slow-disk":
      return `slow-disk ${targetName(fault.target)} (${fault.factor} times)`;
    case "wall-jump":
      return `wall-jump ${targetName(fault.target)} by ${fault.byMs === null ? "as much as since its start" : `${fault.byMs} ms`}`;
    case "picky-loss":
      return `lose ${fault.chance} of ${fault.lost}`;
    case "storm":
      return `storm (${fault.dropChance} lost)`;
    case "compact-log":
      return `compact the log of ${targetName(fault.target)}, all but ${fault.catchUpEntries} entries`;
  }
}

function targetName(target: Target): string {
  return target === "leader" ? "the leader" : machineName(target);
}
