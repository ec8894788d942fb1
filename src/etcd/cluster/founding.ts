import { assert } from "../../base/assert.ts";
import type { LogIndex, Term } from "../../base/ids.ts";
import type { ClusterMember, LogBase } from "../model.ts";
import { encodeMember, memberKey } from "./member-codec.ts";

/** A founder's log begins behind this entry, which nobody ever proposed: the first term in which somebody leads is the next. */
const FOUNDED = { index: 1 as LogIndex, term: 1 as Term } as const;

/** The state that every founder of a cluster begins with: the founders, as the `members` bucket keeps them. */
export function foundingOf(founders: readonly ClusterMember[]): {
  readonly base: LogBase;
  readonly members: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
} {
  const sorted = [...founders].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  assert(sorted.length > 0, "a cluster has founders");
  return {
    base: { ...FOUNDED, configuration: { voters: sorted.map(({ id }) => id), learners: [] } },
    members: sorted.map((member) => ({ key: memberKey(member.id), value: encodeMember(member) })),
  };
}
