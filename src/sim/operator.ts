/**
 * Whoever runs the cluster: adds machines, as voters or learners, promotes, moves and removes them, one request at a time and without
 * knowing what became of it. What the cluster decides is carried out: who is removed is switched off soon after, for good.
 */
import type { MemberId } from "../base/ids.ts";
import type { Prng } from "../base/prng.ts";
import { encodeMember } from "../etcd/cluster/member-codec.ts";
import type { EtcdError } from "../etcd/errors.ts";
import type { Change, ClusterMember, Configuration } from "../etcd/model.ts";
import type { Ledger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import { machineOf, memberId, nameOf, type World } from "./world.ts";

/** How soon a machine that was asked for is switched on, and one that was removed switched off. */
const ON_MEAN_US = 300_000;
const OFF_MEAN_US = 3_000_000;

export class Operator {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  readonly #ledger: Ledger;
  readonly #chance: Prng;

  constructor(world: World, machines: readonly Machine[], ledger: Ledger) {
    this.#world = world;
    this.#machines = machines;
    this.#ledger = ledger;
    this.#chance = world.chance("operator");
    ledger.onConfiguration((before, after) => this.#decided(before, after));
  }

  /** Those that belong to the cluster as far as it has decided. */
  get members(): readonly Machine[] {
    const { voters, learners } = this.#ledger.configuration;
    return [...voters, ...learners].map((id) => this.#machines[machineOf(id)] as Machine);
  }

  get voters(): readonly Machine[] {
    return this.#ledger.configuration.voters.map((id) => this.#machines[machineOf(id)] as Machine);
  }

  /** Asks for a change; null when there is nobody whom it could be about. `leader`: that one in particular. */
  begin(kind: Change["kind"], leader: Machine | null): (() => void) | null {
    const asked = this.#chance.pick(this.members);
    const machine = this.#subject(kind, leader);
    if (machine === null) return null;
    return () => {
      this.#world.tell("operator", () => `${asked.name}: ${kind} ${machine.name}`);
      const { process } = asked;
      const member = process?.member;
      if (process == null || member == null) return;
      if (kind === "update") machine.move();
      const change: Change = { kind, member: memberId(machine.number) };
      asked.run(process, () => {
        void member.changeMembers(change, contextOf(kind, machine)).then((refusal) => this.#answered(change, refusal));
      });
      if (kind === "add-voter" || kind === "add-learner") this.#switchOn(machine);
    };
  }

  #answered({ kind, member }: Change, refusal: EtcdError | null): void {
    this.#world.tell("operator", () => `${kind} ${nameOf(member)}: ${refusal?.message ?? "done"}`);
    this.#world.count(refusal === null ? "member changes acknowledged" : "member changes refused or unknown");
  }

  #subject(kind: Change["kind"], leader: Machine | null): Machine | null {
    const { learners } = this.#ledger.configuration;
    switch (kind) {
      case "add-voter":
      case "add-learner":
        return this.#machines.find(({ isKnown }) => !isKnown) ?? null;
      case "promote":
        return learners.length === 0 ? null : (this.#machines[machineOf(this.#chance.pick(learners))] ?? null);
      case "remove":
      case "update":
        return leader ?? this.#chance.pick(this.members);
    }
  }

  #switchOn(machine: Machine): void {
    const others = this.members.filter((other) => other !== machine);
    machine.joins(others);
    this.#world.scheduler.after(this.#chance.exponential(ON_MEAN_US), () => machine.start());
  }

  #decided(before: Configuration, after: Configuration): void {
    for (const id of added(before.voters, after.voters))
      this.#world.count(before.learners.includes(id) ? "learners promoted" : "voters added");
    for (const _ of added(before.learners, after.learners)) this.#world.count("learners added");
    for (const id of added([...after.voters, ...after.learners], [...before.voters, ...before.learners])) {
      this.#world.count("members removed");
      const machine = this.#machines[machineOf(id)] as Machine;
      this.#world.scheduler.after(this.#chance.exponential(OFF_MEAN_US), () => machine.retire());
    }
  }
}

function added(before: readonly MemberId[], after: readonly MemberId[]): readonly MemberId[] {
  return after.filter((id) => !before.includes(id));
}

function contextOf(kind: Change["kind"], machine: Machine): Uint8Array {
  if (kind === "promote" || kind === "remove") return new Uint8Array(0);
  const member: ClusterMember = {
    id: memberId(machine.number),
    name: "",
    peerUrls: [machine.address],
    clientUrls: [],
    isLearner: kind === "add-learner",
  };
  return encodeMember(member);
}
