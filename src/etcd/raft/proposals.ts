import { assert } from "../../base/assert.ts";
import { type MemberId, NO_MEMBER, type Term } from "../../base/ids.ts";
import type { Change, Message } from "../model.ts";
import type { RaftState } from "./state.ts";

type ProposeMessage = Extract<Message, { readonly kind: "propose" | "propose-change" }>;
type Kind<Name extends Message["kind"]> = Extract<Message, { readonly kind: Name }>;

/** Messages on their way that a refusal could still concern: far more than go out in one round trip. */
const SENT_MAX = 1024;

interface Proposal {
  readonly id: number;
  readonly data: Uint8Array;
}

/**
 * Proposals on their way from a follower to its leader. A message is meant for one term and numbered, and never repeated: the
 * leader appends it once or not at all. Only the applied entry or a refusal tells which.
 */
export class ForwardedProposals {
  readonly #state: RaftState;
  #gathered: Proposal[] = [];
  #gatheredBytes = 0;
  #sequence: number;
  /** What was sent, and to whom, by sequence: the ids in a message, or that of a change. A refusal may come in a later term. */
  readonly #sent = new Map<number, { readonly to: MemberId; readonly ids: readonly number[] }>();
  /** The last term that this member led, and the last sequence taken from each peer in it. */
  #ledTerm = 0 as Term;
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
  }

  /** Leadership begins. */
  begin(): void {
    assert(this.#state.term > this.#ledTerm, "a term is led once", { term: this.#state.term });
    this.#ledTerm = this.#state.term;
    this.#taken.clear();
  }

  /** A change goes to the leader at once. */
  forwardChange(id: number, change: Change, context: Uint8Array): void {
    const address = this.#state.address(this.#state.leader);
    const sequence = this.#number([id]);
    this.#state.outbox.messages.push({ kind: "propose-change", ...address, sequence, change, context });
  }

  /** The leader did not append a change of ours, and never will. */
  changeRefused({ from, sequence, reason }: Kind<"change-refused">): void {
    for (const id of this.#takeSent(from, sequence)) this.#state.outbox.refusedChanges.push({ id, reason });
  }

  /** The leader did not append the end of a message of ours, and never will. */
  refused({ from, sequence, taken }: Kind<"propose-refused">): void {
    this.#state.outbox.droppedProposals.push(...this.#takeSent(from, sequence).slice(taken));
  }

  #takeSent(from: MemberId, sequence: number): readonly number[] {
    const sent = this.#sent.get(sequence);
    if (sent?.to !== from) return [];
    this.#sent.delete(sequence);
    return sent.ids;
  }

  /** Everything gathered goes to the leader, in as many messages as its size demands. */
  flush(): void {
    let start = 0;
    let bytes = 0;
    for (const [i, { data }] of this.#gathered.entries()) {
      if (i > start && bytes + data.length > this.#state.limits.appendBytes) {
        this.#send(this.#gathered.slice(start, i));
        start = i;
        bytes = 0;
      }
      bytes += data.length;
    }
    if (this.#gathered.length > 0) this.#send(this.#gathered.slice(start));
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  #send(proposals: readonly Proposal[]): void {
    const address = this.#state.address(this.#state.leader);
    const sequence = this.#number(proposals.map(({ id }) => id));
    const data = proposals.map((proposal) => proposal.data);
    this.#state.outbox.messages.push({ kind: "propose", ...address, sequence, data });
  }

  #number(ids: readonly number[]): number {
    assert(Number.isSafeInteger(this.#sequence), "sequences are safe integers", { sequence: this.#sequence });
    this.#sequence++;
    if (this.#sent.size >= SENT_MAX) this.#sent.delete(this.#sent.keys().next().value as number);
    this.#sent.set(this.#sequence, { to: this.#state.leader, ids });
    return this.#sequence;
  }

  /** Whether this message comes for the first time, to the leader that it is meant for, in office or not any more. */
  accept(message: ProposeMessage): boolean {
    if (message.term !== this.#ledTerm || message.sequence <= (this.#taken.get(message.from) ?? 0)) return false;
    this.#taken.set(message.from, message.sequence);
    return true;
  }
}
