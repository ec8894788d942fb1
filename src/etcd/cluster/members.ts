/** Who belongs to the cluster, as its log says: written by apply alone, the same on every member at the same index. */
import { assert } from "../../base/assert.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { ClusterMember, Identity } from "../model.ts";

/** What readers may do. */
export interface MembersView {
  readonly identity: Identity;
  /** Sorted by id. */
  list(): readonly ClusterMember[];
  get(id: MemberId): ClusterMember | null;
}

/** A founder before it has published itself. */
export function foundingMember(id: MemberId, peerUrls: readonly string[]): ClusterMember {
  return { id, name: "", peerUrls, clientUrls: [], isLearner: false };
}

export class ClusterMembers implements MembersView {
  readonly identity: Identity;
  readonly #members: Map<MemberId, ClusterMember>;
  #sorted: readonly ClusterMember[] | null = null;

  constructor(identity: Identity, founders: readonly ClusterMember[]) {
    this.identity = identity;
    this.#members = new Map(founders.map((member) => [member.id, member]));
    assert(this.#members.size === founders.length, "founders have different ids", { count: founders.length });
    assert(this.#members.has(identity.member), "a member belongs to its own cluster", { member: hex(identity.member) });
  }

  list(): readonly ClusterMember[] {
    this.#sorted ??= [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    return this.#sorted;
  }

  get(id: MemberId): ClusterMember | null {
    return this.#members.get(id) ?? null;
  }

  /** What a member said of itself through the log. False, and no change: there is no such member. */
  setAttributes(id: MemberId, name: string, clientUrls: readonly string[]): boolean {
    const member = this.#members.get(id);
    if (member === undefined) return false;
    this.#members.set(id, { ...member, name, clientUrls });
    this.#sorted = null;
    return true;
  }
}
