/**
 * What administrators ask of the membership, checked and on its way through the log. First etcd's strict check, from what this
 * member sees of the others; then, up to date by a quorum's word, whether the change clashes with what is there. Raft has the last
 * word: one change at a time, which must not clash with those before, and a learner is promoted only when it has caught up.
 */
import type { MemberId } from "../base/ids.ts";
import type { Clock } from "../env/clock.ts";
import { addedMemberIdOf } from "./cluster/ids.ts";
import { encodeMember } from "./cluster/member-codec.ts";
import type { MembersView } from "./cluster/members.ts";
import {
  addRefusal,
  type ConnectedSinceMs,
  parsePeerUrls,
  promoteRefusal,
  removeRefusal,
  strictAddRefusal,
  strictPromoteRefusal,
  strictRemoveRefusal,
  updateRefusal,
} from "./cluster/validate.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "./errors.ts";
import type { Answer, Reading } from "./member.ts";
import type { Change, ClusterMember } from "./model.ts";

/** `Member` is one. */
export interface ChangingMember {
  readonly members: MembersView;
  read<Response>(serializable: boolean, run: Reading<Response>): Promise<EtcdError | Reading<Response>>;
  /** Null once it is applied here. */
  changeMembers(change: Change, context: Uint8Array): Promise<EtcdError | null>;
}

export interface MembershipOptions {
  readonly member: ChangingMember;
  readonly clock: Clock;
  /** Of the others; this member itself is always up. */
  readonly connectedSince: ConnectedSinceMs;
  /** etcd's --strict-reconfig-check. */
  readonly isStrict: boolean;
  readonly learnersMax: number;
}

export interface Membered {
  readonly member: ClusterMember;
  readonly members: readonly ClusterMember[];
}

/** Changes of one member that wait for each other; more are refused. */
const WAITING_MAX = 100;
const NO_CONTEXT = new Uint8Array(0);

type Refusal = EtcdError | null;

export class Membership {
  readonly #options: MembershipOptions;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  async add(urls: readonly string[], isLearner: boolean): Promise<Answer<Membered>> {
    const peerUrls = parsePeerUrls(urls);
    if (peerUrls === null) return ETCD_ERRORS.invalidMemberUrls;
    const { clock, member: local, learnersMax } = this.#options;
    const id = addedMemberIdOf(peerUrls, clock.wallMs(), local.members.identity.member);
    const member: ClusterMember = { id, name: "", peerUrls, clientUrls: [], isLearner };
    const members = await this.#change({
      change: { kind: isLearner ? "add-learner" : "add-voter", member: id },
      context: encodeMember(member),
      strictly: (nowMs, connected) => strictAddRefusal(local.members, isLearner, nowMs, connected),
      refusal: () => addRefusal(local.members, member, learnersMax),
    });
    return isEtcdError(members) ? members : { member, members };
  }

  remove(id: MemberId): Promise<Answer<readonly ClusterMember[]>> {
    const { member } = this.#options;
    return this.#change({
      change: { kind: "remove", member: id },
      context: NO_CONTEXT,
      strictly: (nowMs, connected) => strictRemoveRefusal(member.members, id, nowMs, connected),
      refusal: () => removeRefusal(member.members, id),
    });
  }

  promote(id: MemberId): Promise<Answer<readonly ClusterMember[]>> {
    const { member } = this.#options;
    return this.#change({
      change: { kind: "promote", member: id },
      context: NO_CONTEXT,
      // Whom nobody could promote is told so rather than that too few have started.
      strictly: () => (promoteRefusal(member.members, id) === null ? strictPromoteRefusal(member.members) : null),
      refusal: () => promoteRefusal(member.members, id),
    });
  }

  async update(id: MemberId, urls: readonly string[]): Promise<Answer<readonly ClusterMember[]>> {
    const { member: local } = this.#options;
    const peerUrls = parsePeerUrls(urls);
    if (peerUrls === null) return ETCD_ERRORS.invalidMemberUrls;
    return this.#change({
      change: { kind: "update", member: id },
      context: encodeMember({ id, name: "", peerUrls, clientUrls: [], isLearner: false }),
      strictly: () => null,
      refusal: () => updateRefusal(local.members, id, peerUrls),
    });
  }

  /** One after the other: raft takes no second change before the first is committed. */
  async #change(wanted: Wanted): Promise<Answer<readonly ClusterMember[]>> {
    if (this.#waiting >= WAITING_MAX) return ETCD_ERRORS.tooManyRequests;
    this.#waiting++;
    const done = this.#last.then(() => this.#carryOut(wanted));
    this.#last = done;
    const refusal = await done;
    this.#waiting--;
    return refusal ?? this.#options.member.members.list();
  }

  async #carryOut({ change, context, strictly, refusal }: Wanted): Promise<Refusal> {
    const { member, clock, isStrict, connectedSince } = this.#options;
    if (isStrict) {
      const self = member.members.identity.member;
      const strict = strictly(clock.monotonicMs(), (id) =>
        id === self ? Number.NEGATIVE_INFINITY : connectedSince(id),
      );
      if (strict !== null) return strict;
    }
    const read = await member.read(false, () => null);
    if (typeof read !== "function") return read;
    return refusal() ?? member.changeMembers(change, context);
  }
}

interface Wanted {
  readonly change: Change;
  readonly context: Uint8Array;
  readonly strictly: (nowMs: number, connectedSince: ConnectedSinceMs) => Refusal;
  readonly refusal: () => Refusal;
}
