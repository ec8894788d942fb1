/** What a member does beside leading as long as it leads, and what its peers may ask of it: both belong to whoever was assigned them. */
import type { MemberId, Term } from "../base/ids.ts";
import type { Leadership } from "./model.ts";

/** Told when this member's office begins and ends. */
export interface LeaderDuties {
  leaderSince(term: Term, nowMs: number): void;
  follower(): void;
  /** Once a tick, whoever leads. */
  due(nowMs: number): void;
  /** This member has ended. */
  stop(): void;
}

/** Answers a peer's question; null: no answer. */
export type PeerAnswers = (from: MemberId, request: Uint8Array) => Promise<Uint8Array | null>;

export class Duties {
  #duties: LeaderDuties | null = null;
  #answers: PeerAnswers | null = null;

  assign(duties: LeaderDuties, answers: PeerAnswers): void {
    this.#duties = duties;
    this.#answers = answers;
  }

  follow(before: Leadership, { role, term }: Leadership, nowMs: number): void {
    if (before.role === role && before.term === term) return;
    if (before.role === "leader") this.#duties?.follower();
    if (role === "leader") this.#duties?.leaderSince(term, nowMs);
  }

  due(nowMs: number): void {
    this.#duties?.due(nowMs);
  }

  async answer(from: MemberId, request: Uint8Array): Promise<Uint8Array | null> {
    return (await this.#answers?.(from, request)) ?? null;
  }

  stop(): void {
    this.#duties?.stop();
    this.#answers = null;
  }
}
