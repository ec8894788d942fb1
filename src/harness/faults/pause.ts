import { assert } from "../../base/assert.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { MemberChoice } from "../model/plan.ts";
import { chooseMember } from "./choose.ts";
import type { Fault, FaultContext, Injected } from "./fault.ts";

/**
 * Freezes one member (SIGSTOP, or the freezer of its container): it does nothing, its connections stay open, the kernel goes on
 * accepting for it, and its clocks jump when it wakes up.
 */
export class Pause implements Fault {
  readonly name: string;
  readonly #choice: MemberChoice;
  #paused: { readonly cluster: Cluster; readonly member: string } | null = null;

  constructor(name: string, choice: MemberChoice) {
    this.name = name;
    this.#choice = choice;
  }

  async inject(context: FaultContext): Promise<Injected> {
    assert(this.#paused === null, "a fault is injected once", { name: this.name });
    const { cluster } = context;
    const member = await chooseMember(this.#choice, context);
    const pid = pidOf(cluster, member);
    if (pid === null) throw new Error(`${member} is down, and what does not run cannot be paused`);
    this.#paused = { cluster, member };
    await cluster.pause(member);
    return {
      members: [member],
      description: `${this.#choice} ${member} paused: it does nothing and its connections stay open`,
      verify: () => verifySilent(cluster, member),
      // One that ended meanwhile is silent, too, and so is one that was started again and has not come up.
      lasted: () => (pidOf(cluster, member) === pid ? null : `${member} ended while it was paused`),
    };
  }

  async heal(): Promise<void> {
    if (this.#paused !== null) await this.#paused.cluster.resume(this.#paused.member);
  }
}

function pidOf(cluster: Cluster, member: string): number | null {
  return cluster.members.find(({ name }) => name === member)?.pid ?? null;
}

async function verifySilent(cluster: Cluster, member: string): Promise<string | null> {
  const revision = (await cluster.revisions())[member] ?? null;
  return revision === null ? null : `${member} still answers, with revision ${revision}`;
}
