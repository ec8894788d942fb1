import { NO_MEMBER } from "../../base/ids.ts";
import type { Change, ChangeRefusal, Message, RaftInput } from "../model.ts";
import type { ForwardedProposals } from "./proposals.ts";
import type { Replication } from "./replication.ts";
import type { RaftState } from "./state.ts";
import type { Transfer } from "./transfer.ts";

type Kind<Name extends Message["kind"]> = Extract<Message, { readonly kind: Name }>;

/**
 * Where proposals and membership changes come in, from this member's own clients or forwarded by a follower. The leader appends them or
 * says no, a follower passes them on, and whoever knows no leader drops them.
 */
export class Intake {
  readonly #state: RaftState;
  readonly #replication: Replication;
  readonly #transfer: Transfer;
  readonly #forwarded: ForwardedProposals;

  constructor(state: RaftState, replication: Replication, transfer: Transfer, forwarded: ForwardedProposals) {
    this.#state = state;
    this.#replication = replication;
    this.#transfer = transfer;
    this.#forwarded = forwarded;
  }

  propose({ id, data, term = null }: Extract<RaftInput, { readonly kind: "propose" }>): void {
    const { role, leader, outbox } = this.#state;
    if (term !== null && (role !== "leader" || term !== this.#state.term)) outbox.droppedProposals.push(id);
    else if (role === "leader") {
      if (!this.#take(data)) outbox.droppedProposals.push(id);
    } else if (leader === NO_MEMBER) outbox.droppedProposals.push(id);
    else this.#forwarded.gather(id, data);
  }

  change({ id, change, context }: Extract<RaftInput, { readonly kind: "change" }>): void {
    const { role, leader, outbox } = this.#state;
    if (role !== "leader" && leader !== NO_MEMBER) {
      this.#forwarded.forwardChange(id, change, context);
      return;
    }
    const reason = role === "leader" ? this.#takeChange(change, context) : "no-leader";
    if (reason !== null) outbox.refusedChanges.push({ id, reason });
  }

  /** From the first that finds no room on, the sender gets them back; all of them when this member leads no more. */
  takeForwarded(message: Kind<"propose">): void {
    if (!this.#forwarded.accept(message)) return;
    const { data, sequence, from } = message;
    let taken = 0;
    while (taken < data.length && this.#leads(message) && this.#take(data[taken] as Uint8Array)) taken++;
    if (taken === data.length) return;
    this.#state.outbox.messages.push({ kind: "propose-refused", ...this.#state.address(from), sequence, taken });
  }

  takeForwardedChange(message: Kind<"propose-change">): void {
    if (!this.#forwarded.accept(message)) return;
    const reason = this.#leads(message) ? this.#takeChange(message.change, message.context) : "no-leader";
    if (reason === null) return;
    const { outbox } = this.#state;
    const address = this.#state.address(message.from);
    outbox.messages.push({ kind: "change-refused", ...address, sequence: message.sequence, reason });
  }

  #leads(message: Message): boolean {
    return this.#state.role === "leader" && message.term === this.#state.term;
  }

  /** As leader: false when it is full, or on its way out. */
  #take(data: Uint8Array): boolean {
    return this.#transfer.target === NO_MEMBER && this.#replication.propose(data);
  }

  #takeChange(change: Change, context: Uint8Array): ChangeRefusal | null {
    return this.#transfer.target === NO_MEMBER ? this.#replication.change(change, context) : "change-pending";
  }
}
