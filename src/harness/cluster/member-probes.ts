import type { Prng } from "../../base/prng.ts";
import type { TlsOptions } from "../../env/node/streams-tls.ts";
import type { Cluster } from "./cluster.ts";
import { MemberProbe, type MemberStatus } from "./probe.ts";

/** Those of a cluster's questions that any runtime puts to its members in the same way: to each at one address, past the proxies. */
type Questions = Pick<Cluster, "leader" | "revisions" | "servesLinearizable" | "cpuSeconds">;

export class MemberProbes implements Questions {
  readonly #probes: ReadonlyMap<string, MemberProbe>;
  /** Learned from the members' answers. */
  readonly #nameOfId = new Map<bigint, string>();

  /** `endpoints`: name -> URL; `tls`: for those that are https. Owns its connections until `close`. */
  constructor(endpoints: ReadonlyMap<string, string>, prng: Prng, tls: TlsOptions = {}) {
    this.#probes = new Map([...endpoints].map(([name, url]) => [name, new MemberProbe(url, prng.fork(), tls)]));
  }

  async leader(): Promise<{ readonly member: string; readonly term: number } | null> {
    const statuses = await this.#statuses();
    let leading: MemberStatus | null = null;
    for (const status of statuses.values())
      if (status !== null && status.leaderId !== 0n && status.term > (leading?.term ?? -1)) leading = status;
    const member = leading === null ? undefined : this.#nameOfId.get(leading.leaderId);
    return leading === null || member === undefined ? null : { member, term: leading.term };
  }

  async revisions(): Promise<Readonly<Record<string, number | null>>> {
    const statuses = await this.#statuses();
    return Object.fromEntries([...statuses].map(([name, status]) => [name, status?.revision ?? null]));
  }

  async servesLinearizable(member: string, timeoutMs: number): Promise<boolean> {
    const probe = this.#probes.get(member);
    if (probe === undefined) throw new Error(`the cluster has no member ${member}`);
    return await probe.servesLinearizable(timeoutMs);
  }

  async cpuSeconds(): Promise<Readonly<Record<string, number | null>>> {
    return Object.fromEntries(await this.#ask((probe) => probe.cpuSeconds()));
  }

  close(): void {
    for (const probe of this.#probes.values()) probe.close();
  }

  async #statuses(): Promise<ReadonlyMap<string, MemberStatus | null>> {
    const entries = await this.#ask((probe) => probe.status());
    for (const [name, status] of entries) if (status !== null) this.#nameOfId.set(status.memberId, name);
    return new Map(entries);
  }

  /** All at the same time. */
  async #ask<T>(question: (probe: MemberProbe) => Promise<T>): Promise<(readonly [string, T])[]> {
    return await Promise.all([...this.#probes].map(async ([name, probe]) => [name, await question(probe)] as const));
  }
}
