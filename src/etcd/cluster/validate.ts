/**
 * Whether a change of the membership may be proposed, and whether it may be carried out, by etcd's rules: pure, each with the error
 * that clients know.
 */
import type { MemberId } from "../../base/ids.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { Change, ChangeRefusal, ClusterMember } from "../model.ts";
import { decodeMember } from "./member-codec.ts";
import type { MembersView } from "./members.ts";

/** How a member sees the others: whether a connection to it is up, and how long ago it came up. Itself among them, always up. */
export type ConnectedSinceMs = (id: MemberId) => number | null;

/** For so long the members that a change relies on must have been connected. */
export const HEALTH_INTERVAL_MS = 5_000;

/** etcd's types.NewURLs: sorted; null when one is not of the form http://HOST:PORT. */
export function parsePeerUrls(texts: readonly string[]): readonly string[] | null {
  if (texts.length === 0) return null;
  const urls = texts.map((text) => text.trim());
  return urls.every(isPeerUrl) ? urls.sort() : null;
}

const PEER_URL = /^(?:https?:\/\/(?:\[[^\]/?#@]*\]|[^\s:/?#@[\]]*):\d*|unixs?:\/\/[^\s/?#]+)$/;

function isPeerUrl(text: string): boolean {
  return PEER_URL.test(text);
}

/** Adding would clash with what is there, or be a learner too many: they cost the leader like voters do, and promise nothing. */
export function addRefusal(view: MembersView, member: ClusterMember, learnersMax: number): EtcdError | null {
  const members = view.list();
  if (view.removed.has(member.id)) return ETCD_ERRORS.memberNotFound;
  if (view.get(member.id) !== null) return ETCD_ERRORS.memberExists;
  if (sharesUrl(members, member.id, member.peerUrls)) return ETCD_ERRORS.peerUrlExists;
  return member.isLearner && isFullOfLearners(members, learnersMax) ? ETCD_ERRORS.tooManyLearners : null;
}

export function removeRefusal(view: MembersView, id: MemberId): EtcdError | null {
  return view.get(id) === null ? ETCD_ERRORS.memberNotFound : null;
}

export function promoteRefusal(view: MembersView, id: MemberId): EtcdError | null {
  const member = view.get(id);
  if (member === null) return ETCD_ERRORS.memberNotFound;
  return member.isLearner ? null : ETCD_ERRORS.memberNotLearner;
}

export function updateRefusal(view: MembersView, id: MemberId, peerUrls: readonly string[]): EtcdError | null {
  if (view.get(id) === null) return ETCD_ERRORS.memberNotFound;
  return sharesUrl(view.list(), id, peerUrls) ? ETCD_ERRORS.peerUrlExists : null;
}

/**
 * What was allowed where it was asked for may clash with what came through other members meanwhile. etcd finds out when it applies a
 * change; here raft heeds it as soon as it is appended, so the leader looks once more before that. `context`: the entry's.
 */
export function clash(
  view: MembersView,
  { kind, member }: Change,
  context: Uint8Array,
  learnersMax: number,
): ChangeRefusal | null {
  if (kind === "promote" || kind === "remove" || context.length === 0) return null;
  if (sharesUrl(view.list(), member, decodeMember(context).peerUrls)) return "peer-url-exists";
  return kind === "add-learner" && isFullOfLearners(view.list(), learnersMax) ? "too-many-learners" : null;
}

function isFullOfLearners(members: readonly ClusterMember[], learnersMax: number): boolean {
  return members.filter(({ isLearner }) => isLearner).length >= learnersMax;
}

function sharesUrl(members: readonly ClusterMember[], id: MemberId, peerUrls: readonly string[]): boolean {
  return members.some((other) => other.id !== id && other.peerUrls.some((url) => peerUrls.includes(url)));
}

// ---------------------------------------------------------------------------------------- etcd's --strict-reconfig-check

/** An addition must not endanger the quorum: enough have started, and enough are connected with the new one down. */
export function strictAddRefusal(
  view: MembersView,
  isLearner: boolean,
  nowMs: number,
  connectedSince: ConnectedSinceMs,
): EtcdError | null {
  const voters = votersOf(view);
  const started = voters.filter(isStarted).length;
  const size = voters.length + 1;
  // From one member to two is how a single one is repaired.
  if (!isLearner && started < quorumOf(size) && !(started === 1 && size === 2)) return ETCD_ERRORS.notEnoughStarted;
  const connected = healthy(voters, nowMs, connectedSince);
  // A single member has a quorum by itself, but it will not have one together with the new.
  return voters.length > 1 && connected < quorumOf(size) ? ETCD_ERRORS.unhealthy : null;
}

export function strictRemoveRefusal(
  view: MembersView,
  id: MemberId,
  nowMs: number,
  connectedSince: ConnectedSinceMs,
): EtcdError | null {
  if (view.get(id)?.isLearner) return null;
  const voters = votersOf(view);
  const rest = voters.filter((member) => member.id !== id);
  if (rest.length === 0 || rest.filter(isStarted).length < quorumOf(rest.length)) return ETCD_ERRORS.notEnoughStarted;
  // Who is down is no part of the quorum that works.
  if (connectedSince(id) === null) return null;
  return healthy(voters, nowMs, connectedSince) - 1 < quorumOf(voters.length - 1) ? ETCD_ERRORS.unhealthy : null;
}

/** The learner counts as started: it has caught up. */
export function strictPromoteRefusal(view: MembersView): EtcdError | null {
  const voters = votersOf(view);
  const started = voters.filter(isStarted).length + 1;
  return started < quorumOf(voters.length + 1) ? ETCD_ERRORS.notEnoughStarted : null;
}

function votersOf(view: MembersView): readonly ClusterMember[] {
  return view.list().filter(({ isLearner }) => !isLearner);
}

function isStarted({ name }: ClusterMember): boolean {
  return name !== "";
}

function quorumOf(size: number): number {
  return Math.floor(size / 2) + 1;
}

function healthy(members: readonly ClusterMember[], nowMs: number, connectedSince: ConnectedSinceMs): number {
  return members.filter(({ id }) => {
    const sinceMs = connectedSince(id);
    return sinceMs !== null && sinceMs <= nowMs - HEALTH_INTERVAL_MS;
  }).length;
}
