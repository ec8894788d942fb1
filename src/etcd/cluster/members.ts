/**
 * Who belongs to the cluster, as its log says: written by apply alone, the same on every member at the same index. Kept in the
 * bucket `members`: an id (8 bytes, big-endian) with the encoded member, or with nothing when it was removed. No id comes back.
 *
 * Raft's configuration says who votes and who learns; here is what else there is to know about them. A config entry changes the
 * one in raft as soon as it is appended, and the other, to the same, when it is applied.
 */
import { assert } from "../../base/assert.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { BucketReader } from "../backend/backend.ts";
import type { Change, ClusterMember, Configuration, Identity } from "../model.ts";
import { decodeMember, encodeMember, memberKey } from "./member-codec.ts";

/** What readers may do. */
export interface MembersView {
  readonly identity: Identity;
  /** Sorted by id; another list after every change. */
  list(): readonly ClusterMember[];
  get(id: MemberId): ClusterMember | null;
  /** Those that belonged to it once. */
  readonly removed: ReadonlySet<MemberId>;
}

/** `WriteBuffer` is one. */
export interface MembersStorage extends Pick<BucketReader, "range"> {
  put(bucket: "members", key: Uint8Array, value: Uint8Array): void;
}

/** A founder before it has published itself. */
export function foundingMember(id: MemberId, peerUrls: readonly string[]): ClusterMember {
  return { id, name: "", peerUrls, clientUrls: [], isLearner: false };
}

const NOTHING = new Uint8Array(0);

export class ClusterMembers implements MembersView {
  readonly identity: Identity;
  #members: Map<MemberId, ClusterMember>;
  #removed = new Set<MemberId>();
  #storage: MembersStorage | null = null;
  #sorted: readonly ClusterMember[] | null = null;

  /** `told`: whom the flags or the cluster name, for as long as the log has said nothing. Never written. */
  constructor(identity: Identity, told: readonly ClusterMember[]) {
    this.identity = identity;
    this.#members = new Map(told.map((member) => [member.id, member]));
    assert(this.#members.size === told.length, "members have different ids", { count: told.length });
  }

  /** What is kept there is the state from now on, unless nothing is; changes are written to it. Also after an installed snapshot. */
  load(storage: MembersStorage): void {
    const members = new Map<MemberId, ClusterMember>();
    const removed = new Set<MemberId>();
    for (const { key, value } of storage.range("members", {})) {
      const id = Buffer.from(key).readBigUInt64BE() as MemberId;
      if (value.length === 0) removed.add(id);
      else members.set(id, decodeMember(value));
    }
    this.#storage = storage;
    if (members.size === 0) return;
    this.#members = members;
    this.#removed = removed;
    this.#sorted = null;
  }

  list(): readonly ClusterMember[] {
    this.#sorted ??= [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    return this.#sorted;
  }

  get(id: MemberId): ClusterMember | null {
    return this.#members.get(id) ?? null;
  }

  get removed(): ReadonlySet<MemberId> {
    return this.#removed;
  }

  /**
   * A config entry is applied: what it changed, null when nothing. `context` is the encoded membershippb.Member of the one that
   * it adds, or, when it leaves the configuration as it is, whose peer URLs it updates; otherwise of no meaning.
   */
  configured({ voters, learners }: Configuration, context: Uint8Array): Change | null {
    const changes: Change[] = [];
    for (const id of [...voters, ...learners]) {
      const isLearner = learners.includes(id);
      const member = this.#members.get(id);
      if (member === undefined) {
        this.#put({ ...joiningMember(id, context), isLearner });
        changes.push({ kind: isLearner ? "add-learner" : "add-voter", member: id });
      } else if (member.isLearner && !isLearner) {
        this.#put({ ...member, isLearner });
        changes.push({ kind: "promote", member: id });
      } else {
        assert(member.isLearner === isLearner, "no voter becomes a learner", { member: hex(id) });
      }
    }
    for (const id of [...this.#members.keys()]) {
      if (voters.includes(id) || learners.includes(id)) continue;
      this.#remove(id);
      changes.push({ kind: "remove", member: id });
    }
    assert(changes.length <= 1, "an entry changes one member", { changes: changes.length });
    return changes[0] ?? this.#updated(context);
  }

  /** What a member said of itself through the log. False, and no change: there is no such member. */
  setAttributes(id: MemberId, name: string, clientUrls: readonly string[]): boolean {
    const member = this.#members.get(id);
    if (member !== undefined) this.#put({ ...member, name, clientUrls });
    return member !== undefined;
  }

  #updated(context: Uint8Array): Change | null {
    if (context.length === 0) return null;
    const { id, peerUrls } = decodeMember(context);
    const member = this.#members.get(id);
    if (member === undefined) return null;
    this.#put({ ...member, peerUrls });
    return { kind: "update", member: id };
  }

  #put(member: ClusterMember): void {
    assert(!this.#removed.has(member.id), "who was removed never comes back", { member: hex(member.id) });
    this.#members.set(member.id, member);
    this.#sorted = null;
    this.#storage?.put("members", memberKey(member.id), encodeMember(member));
  }

  #remove(id: MemberId): void {
    this.#members.delete(id);
    this.#removed.add(id);
    this.#sorted = null;
    this.#storage?.put("members", memberKey(id), NOTHING);
  }
}

function joiningMember(id: MemberId, context: Uint8Array): ClusterMember {
  const member = decodeMember(context);
  assert(member.id === id, "an entry that adds a member says which", { added: hex(id), named: hex(member.id) });
  return member;
}
