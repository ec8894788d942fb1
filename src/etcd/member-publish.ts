/**
 * After its start a member tells the cluster its name and client URLs, again until that was applied here: an entry of its own,
 * proposed since. Before that it serves nobody (D4).
 */
import { hex } from "../base/ids.ts";
import type { Outcome } from "./apply/applier.ts";
import type { MemberOptions } from "./member-options.ts";
import type { Command } from "./member-proposals.ts";

export class Publishing {
  /** Resolves when it was applied. */
  readonly done: Promise<void>;
  #resolve: () => void = () => {};
  #isDone = false;
  readonly #options: MemberOptions;
  readonly #propose: (command: Command) => Promise<Outcome>;

  constructor(options: MemberOptions, propose: (command: Command) => Promise<Outcome>) {
    this.#options = options;
    this.#propose = propose;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Also anew, while an earlier attempt may be lost: it does no harm twice. */
  async publish(isEnded: () => boolean): Promise<void> {
    const { identity, name, clientUrls, trace, clock, heartbeatMs } = this.#options;
    const memberAttributes = { name, clientUrls };
    const outcome = await this.#propose({ clusterMemberAttrSet: { memberId: identity.member, memberAttributes } });
    if (isEnded() || this.#isDone) return;
    if (outcome.kind === "refused") {
      trace.warn("failed to publish local member to cluster through raft", { error: outcome.error.message });
      clock.after(heartbeatMs, () => void this.publish(isEnded));
      return;
    }
    trace.info("published local member to cluster through raft", {
      "local-member-id": hex(identity.member),
      "cluster-id": hex(identity.cluster),
      name,
      "client-urls": clientUrls,
    });
    this.#isDone = true;
    this.#resolve();
  }
}
