import { assert } from "../../base/assert.ts";
import type { LogIndex, MemberId } from "../../base/ids.ts";

export type VoteResult = "won" | "lost" | "pending";

/** How many of `count` voters decide. Any two majorities share a member. */
export function majority(count: number): number {
  assert(count > 0, "a majority needs voters", { count });
  return Math.floor(count / 2) + 1;
}

/** The largest index that a majority has reached, given how far each voter has come. */
export function majorityIndex(reached: readonly LogIndex[]): LogIndex {
  const ascending = [...reached].sort((a, b) => a - b);
  const index = ascending[ascending.length - majority(ascending.length)];
  assert(index !== undefined, "a majority index is one of the indexes given", { count: reached.length });
  return index;
}

/** Whether the members in `present` hold a majority of `voters`. Strangers in `present` do not count. */
export function isMajority(voters: readonly MemberId[], present: ReadonlySet<MemberId>): boolean {
  let count = 0;
  for (const voter of voters) if (present.has(voter)) count++;
  return count >= majority(voters.length);
}

/** Of `voters` voters, given the words of those who count: `lost` as soon as the others can no longer make a majority. */
export function voteResult(voters: number, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  let granted = 0;
  for (const vote of votes.values()) if (vote) granted++;
  const refused = votes.size - granted;
  if (granted >= majority(voters)) return "won";
  return voters - refused < majority(voters) ? "lost" : "pending";
}
