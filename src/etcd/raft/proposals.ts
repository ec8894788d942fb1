import { assert } from "../../base/assert.ts";
import { type MemberId, NO_MEMBER } from "../../base/ids.ts";
import type { Change, Message } from "../model.ts";
import type { RaftState } from "./state.ts";

type ProposeMessage = Extract<Message, { readonly kind: "propose" | "propose-change" }>;
type RefusedMessage = Extract<Message, { readonly kind: "change-refused" }>;

/** Changes on their way that a refusal could still concern; changes are rare. */
const CHANGES_MAX = 64;

/**
 * Proposals on their way from a follower to its leader. A message is meant for one term and numbered, and never repeated: the
 * leader appends it once or not at all, and only the applied entry tells which.
 */
export class ForwardedProposals {
  readonly #state: RaftState;
  #gathered: { readonly id: number; readonly data: Uint8Array }[] = [];
  #gatheredBytes = 0;
  #sequence: number;
  /** Changes that were sent in this term, by sequence. */
  readonly #changes = new Map<number, number>();
  /** As leader: the last sequence taken from each peer in this term. */
  readonly #taken = new Map<MemberId, number>();

  constructor(state: RaftState, firstSequence: number) {
    this.#state = state;
    this.#sequence = firstSequence;
  }

  /** What finds no room is dropped. */
  gather(id: number, data: Uint8Array): void {
    const { leader, limits, outbox } = this.#state;
    assert(leader !== NO_MEMBER, "proposals are forwarded to a known leader", { id });
    if (this.#gatheredBytes > 0 && this.#gatheredBytes + data.length > limits.uncommittedBytes) {
      outbox.droppedProposals.push(id);
      return;
    }
    this.#gathered.push({ id, data });
    this.#gatheredBytes += data.length;
  }

  /** Role, term or leader change: what has not left yet is certainly not appended by anyone. */
  reset(): void {
    for (const { id } of this.#gathered) this.#state.outbox.droppedProposals.push(id);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#changes.clear();
    this.#taken.clear();
  }

  /** A change goes to the leader at once. */
  forwardChange(id: number, change: Change, context: Uint8Array): void {
    const sequence = this.#nextSequence();
    const [oldest] = this.#changes.keys();
    if (oldest !== undefined && this.#changes.size >= CHANGES_MAX) this.#changes.delete(oldest);
    this.#changes.set(sequence, id);
    const address = this.#state.address(this.#state.leader);
    this.#state.outbox.messages.push({ kind: "propose-change", ...address, sequence, change, context });
  }

  /** The leader did not append a change of ours, and never will. */
  refused({ from, sequence, reason }: RefusedMessage): void {
    const id = this.#changes.get(sequence);
    if (id === undefined || from !== this.#state.leader) return;
    this.#changes.delete(sequence);
    this.#state.outbox.refusedChanges.push({ id, reason });
  }

  /** Everything gathered goes to the leader, in as many messages as its size demands. */
  flush(): void {
    let data: Uint8Array[] = [];
    let bytes = 0;
    for (const proposal of this.#gathered) {
      if (data.length > 0 && bytes + proposal.data.length > this.#state.limits.appendBytes) {
        this.#send(data);
        data = [];
        bytes = 0;
      }
      data.push(proposal.data);
      bytes += proposal.data.length;
    }
    if (data.length > 0) this.#send(data);
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  #send(data: readonly Uint8Array[]): void {
    const address = this.#state.address(this.#state.leader);
    this.#state.outbox.messages.push({ kind: "propose", ...address, sequence: this.#nextSequence(), data });
  }

  #nextSequence(): number {
    assert(Number.isSafeInteger(this.#sequence), "sequences are safe integers", { sequence: this.#sequence });
    this.#sequence++;
    return this.#sequence;
  }

  /** As leader: whether this message is to be appended. One that comes twice, or after a later one, is not. */
  accept(message: ProposeMessage): boolean {
    assert(message.term === this.#state.term, "a proposal is meant for one term", { term: message.term });
    assert(this.#state.role === "leader", "only a leader takes proposals");
    if (message.sequence <= (this.#taken.get(message.from) ?? 0)) return false;
    this.#taken.set(message.from, message.sequence);
    return true;
  }
}
