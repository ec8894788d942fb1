import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { peerProxy } from "../cluster/network.ts";
import type { MemberChoice } from "../model/plan.ts";
import { chooseMember } from "./choose.ts";
import type { Fault, FaultContext, Injected } from "./fault.ts";
import type { ToxicSpec, ToxiproxyClient } from "./toxiproxy/client.ts";

/** A member in contact with a quorum confirms a read in a round trip; an election lasts about this long at worst. */
const READ_LIMIT_MS = 1000;
const STANDSTILL_MS = 300;

interface Cut {
  readonly proxy: string;
  readonly toxic: ToxicSpec;
}

/**
 * Cuts one member off from its peers, both ways: connections stay up and everything sent on them is lost, as when cables are
 * pulled. Clients still reach it. Healing ends those connections, so that members dial anew instead of going on with a hole.
 */
export class Partition implements Fault {
  readonly name: string;
  readonly #isolate: MemberChoice;
  #toxiproxy: ToxiproxyClient | null = null;
  #cuts: readonly Cut[] = [];

  constructor(name: string, isolate: MemberChoice) {
    this.name = name;
    this.#isolate = isolate;
  }

  async inject(context: FaultContext): Promise<Injected> {
    assert(this.#toxiproxy === null, "a fault is injected once", { name: this.name });
    const { cluster, toxiproxy } = context;
    const names = cluster.members.map(({ name }) => name);
    const member = await chooseMember(this.#isolate, context);
    this.#toxiproxy = toxiproxy;
    this.#cuts = names.filter((name) => name !== member).flatMap((other) => this.#cutsBetween(member, other));
    // All are waited for, so that none is added after a heal.
    const results = await Promise.allSettled(this.#cuts.map(({ proxy, toxic }) => toxiproxy.addToxic(proxy, toxic)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
    return {
      members: [member],
      description: `${this.#isolate} ${member} cut off from its peers, both ways; clients still reach it`,
      verify: () => verifyIsolated(cluster, member),
    };
  }

  async heal(): Promise<void> {
    const toxiproxy = this.#toxiproxy;
    if (toxiproxy === null) return;
    const removals = this.#cuts.map(({ proxy, toxic }) => toxiproxy.removeToxic(proxy, toxic.name));
    for (const result of await Promise.allSettled(removals)) if (result.status === "rejected") throw result.reason;
  }

  /** Four: both ordered pairs' proxies, and on each what the dialler sends and what it is answered. */
  #cutsBetween(member: string, other: string): readonly Cut[] {
    return [peerProxy(member, other), peerProxy(other, member)].flatMap((proxy) =>
      (["upstream", "downstream"] as const).map((stream) => ({
        proxy,
        toxic: { name: `${this.name}-${stream}`, type: "timeout", attributes: { timeout: 0 }, stream, toxicity: 1 },
      })),
    );
  }
}

/**
 * A partition that leaks proves nothing, so it is put to the test: the member must still answer for itself, fail to confirm a
 * read with a quorum, and apply nothing new.
 */
async function verifyIsolated(cluster: Cluster, member: string): Promise<string | null> {
  if (await cluster.servesLinearizable(member, READ_LIMIT_MS)) return `${member} still confirmed a read with a quorum`;
  const before = (await cluster.revisions())[member] ?? null;
  await delay(STANDSTILL_MS);
  const after = (await cluster.revisions())[member] ?? null;
  if (before === null || after === null) return `${member} did not answer past the proxies`;
  return before === after ? null : `${member} went on from revision ${before} to ${after}`;
}
