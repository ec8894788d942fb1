/**
 * READ FIRST. The words the server's rooms share, and how one write travels through them:
 *
 *   client -> grpc -> api decodes and validates -> member.propose(command)
 *     -> the member's loop takes everything that arrived since its last turn as one batch (D2) and steps the raft core with it
 *     -> core.takeReady() says what must happen next, in order of obligation:
 *          messages               go to peers at once: a leader's appends and heartbeats promise nothing about its own disk
 *          hardState, entries     go to the WAL in one write and one sync; the loop does not wait for it
 *          messagesAfterPersist   votes, vote requests, append acknowledgements: leave when that sync has returned (D3)
 *          entriesToApply         committed on a quorum *and* synced here: applied now, in order
 *     -> the sync's completion is one more input: `persisted`
 *     -> apply runs each command against the store, its result answers the waiting client, its events go to the watch hub
 */
import type { ClusterId, LogIndex, MemberId, Revision, Term } from "../base/ids.ts";
import type { AlarmMember } from "../proto/gen/etcdserverpb.ts";

// ---------------------------------------------------------------------------------------------------------------- raft

/** One place in the raft log. A leader's first entry of its term is normal and empty (Raft, section 8). */
export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly kind: "normal" | "config";
  /** An encoded command; empty for a no-op. Never changed after it was handed over. */
  readonly data: Uint8Array;
}

/**
 * Who decides: `voters` elect, commit and confirm reads by majority; `learners` only receive the log. Both ascending, nobody twice.
 * In effect as soon as its entry is in the log, committed or not (Raft dissertation, section 4.1).
 */
export interface Configuration {
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

/** Where a log begins: behind this entry, whose effects and those of all before it are in a snapshot (or, at 0, are none). */
export interface LogBase {
  readonly index: LogIndex;
  readonly term: Term;
  /** As of `index`. */
  readonly configuration: Configuration;
}

/**
 * One step from one configuration to the next. A change of at most one voter at a time needs no joint phase. "update" leaves the
 * configuration as it is: what is new of the member is in the entry's context.
 */
export interface Change {
  readonly kind: "add-voter" | "add-learner" | "promote" | "remove" | "update";
  readonly member: MemberId;
}

/** Why a leader did not append a change. The last three pass by themselves. */
export type ChangeRefusal =
  | "member-exists"
  | "member-unknown"
  | "not-a-learner"
  | "last-voter"
  | "too-many-members"
  /** What the state says that all changes before it have led to: they may have come through other members. */
  | "peer-url-exists"
  | "too-many-learners"
  /** A learner is promoted only when it has caught up with the leader. */
  | "learner-behind"
  /**
   * The change before is not committed yet, or no entry of the leader's term is (dissertation 4.1, with its author's correction of
   * 2015), or the leader is handing over.
   */
  | "change-pending"
  | "no-leader";

/** What a member must not forget (Raft, figure 2: "persistent state"), the log aside. `vote` is 0 when none was cast. */
export interface HardState {
  readonly term: Term;
  readonly vote: MemberId;
  /** Saved as a hint, never synced for its own sake; covers only entries that are already synced here. */
  readonly commit: LogIndex;
}

interface Addressed {
  readonly from: MemberId;
  readonly to: MemberId;
  /** The sender's term; a pre-vote carries the term it would campaign in. */
  readonly term: Term;
}

/** Promises nothing about the sender's disk, so it may leave before a sync. */
export type PromptMessage =
  | (Addressed & {
      readonly kind: "append";
      readonly previousIndex: LogIndex;
      readonly previousTerm: Term;
      readonly entries: readonly Entry[];
      readonly commit: LogIndex;
    })
  | (Addressed & {
      readonly kind: "heartbeat";
      readonly commit: LogIndex;
      /** The newest read round this heartbeat confirms; 0 when none waits. */
      readonly readRound: number;
    })
  | (Addressed & { readonly kind: "heartbeat-response"; readonly readRound: number })
  /**
   * Proposals forwarded to the leader of `term` only; a leader of another term drops them. `sequence` grows with each message of a
   * sender, over its restarts too, and the leader takes each once. Never repeated (at most once); what was not appended for certain
   * is told apart by `propose-refused`, and may be proposed anew.
   */
  | (Addressed & { readonly kind: "propose"; readonly sequence: number; readonly data: readonly Uint8Array[] })
  /** Of that message the leader appended only the first `taken`, and never will append the others: it is full, or hands over. */
  | (Addressed & { readonly kind: "propose-refused"; readonly sequence: number; readonly taken: number })
  /** A change of the configuration, under the same rule and out of the same sequence. Answered only when it is refused. */
  | (Addressed & {
      readonly kind: "propose-change";
      readonly sequence: number;
      readonly change: Change;
      readonly context: Uint8Array;
    })
  | (Addressed & { readonly kind: "change-refused"; readonly sequence: number; readonly reason: ChangeRefusal })
  /** Reads of a follower, as many as `id` stands for there; repeated until answered, so `id` is unique over restarts too. */
  | (Addressed & { readonly kind: "read-index"; readonly id: number })
  /** `index` null: the leader could not confirm the read; the follower drops it. */
  | (Addressed & { readonly kind: "read-index-response"; readonly id: number; readonly index: LogIndex | null })
  /** The leader asks a voter whose log is complete to campaign at once (dissertation, section 3.10). */
  | (Addressed & { readonly kind: "timeout-now" });

/** A promise: leaves only after the sync of the term, vote and entries it rests on (D3). */
export type PromiseMessage =
  | (Addressed & {
      readonly kind: "pre-vote" | "vote";
      readonly lastIndex: LogIndex;
      readonly lastTerm: Term;
      /** The leader wants this campaign: those who still hear it vote all the same (dissertation, sections 3.10 and 4.2.3). */
      readonly transfer: boolean;
    })
  | (Addressed & { readonly kind: "pre-vote-response" | "vote-response"; readonly granted: boolean })
  | (Addressed & {
      readonly kind: "append-response";
      /** Accepted: the last index known to match. Rejected: the `previousIndex` that did not. */
      readonly index: LogIndex;
      /** Null when accepted; otherwise where the leader should look next (Raft, section 5.3, by term). */
      readonly rejected: { readonly hintIndex: LogIndex; readonly hintTerm: Term } | null;
    });

export type Message = PromptMessage | PromiseMessage;

export type RaftInput =
  /** One step of logical time; election and heartbeat time-outs are counted in these. */
  | { readonly kind: "tick" }
  | { readonly kind: "message"; readonly message: Message }
  /** `id` comes back in `Ready.droppedProposals` when it is known that nobody takes it; what is appended stays silent, and what is lost. */
  | {
      readonly kind: "propose";
      readonly id: number;
      readonly data: Uint8Array;
      /** Into this member's own log, as leader of this very term, or nowhere; absent: into the leader's, whoever leads. */
      readonly term?: Term | null;
    }
  /** `id` comes back in `Ready.readStates` or `Ready.droppedReads`. */
  | { readonly kind: "read-index"; readonly id: number }
  /** The sync of everything handed out up to the Ready of this number has returned. In order; numbers may be left out. */
  | { readonly kind: "persisted"; readonly number: number }
  /** The connection to a peer broke: what was in flight to it may be lost. */
  | { readonly kind: "unreachable"; readonly peer: MemberId }
  /**
   * A change of the configuration. Its entry carries `context` for whoever applies it (`decodeConfigEntry`). `id` comes back in
   * `Ready.refusedChanges` when it is known not to be appended; what is appended stays silent, and so does what is lost on its way.
   */
  | { readonly kind: "change"; readonly id: number; readonly change: Change; readonly context: Uint8Array }
  /** To a leader: hand leadership to this voter. Given up after an election time; nothing on any other member. */
  | { readonly kind: "transfer"; readonly target: MemberId }
  /** Forget the entries up to `index`, which must be applied and be in a durable snapshot or backend. Keep some: whom they lack gets a snapshot. */
  | { readonly kind: "compact"; readonly index: LogIndex }
  /**
   * The file of a leader's snapshot has arrived and is synced. It comes back in the next Ready's `snapshot` if it is to be installed;
   * otherwise this member is as far already, says so to its leader, and the file is of no use.
   */
  | { readonly kind: "snapshot-received"; readonly snapshot: LogBase }
  /** What came of a request in `Ready.snapshotsToSend`, exactly once each: the index of the file that the peer has taken, or null. */
  | { readonly kind: "snapshot-sent"; readonly peer: MemberId; readonly index: LogIndex | null };

/** Reads with this id may be answered from local state once `index` is applied (ReadIndex, Raft dissertation 6.4). */
export interface ReadState {
  readonly id: number;
  readonly index: LogIndex;
}

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

export interface Leadership {
  readonly role: Role;
  readonly term: Term;
  /** 0 when unknown. */
  readonly leader: MemberId;
}

/** What must happen before the core's next Ready. Field order is obligation order. */
export interface Ready {
  /** Counts Readys from 1; comes back as `persisted` when `mustSync`. */
  readonly number: number;
  readonly messages: readonly PromptMessage[];
  /** Stream each of these peers a snapshot of the present state: the entries they need are gone. Comes back as `snapshot-sent`. */
  readonly snapshotsToSend: readonly MemberId[];
  /**
   * Not null: the log begins anew behind this snapshot, all entries written so far are void. Recorded before hardState and entries,
   * under the same sync; when that has returned the snapshot's state replaces the present one, before any later entry is applied.
   */
  readonly snapshot: LogBase | null;
  /** Null when unchanged since the last Ready. Written before the entries, so that a torn write leaves no entry above the saved term. */
  readonly hardState: HardState | null;
  /** Whether snapshot, hardState or entries must be synced: false for a commit index alone. */
  readonly mustSync: boolean;
  /** Contiguous; overwrites what the log held from its first index on. */
  readonly entriesToPersist: readonly Entry[];
  /** Also wait for every sync that an earlier Ready asked for and that has not returned. */
  readonly messagesAfterPersist: readonly PromiseMessage[];
  readonly entriesToApply: readonly Entry[];
  readonly readStates: readonly ReadState[];
  readonly droppedProposals: readonly number[];
  readonly droppedReads: readonly number[];
  readonly refusedChanges: readonly { readonly id: number; readonly reason: ChangeRefusal }[];
  /** Null when unchanged since the last Ready. */
  readonly leadership: Leadership | null;
}

// -------------------------------------------------------------------------------------------------------------- cluster

/** One member as the cluster knows it; `name` and `clientUrls` are empty until it has published itself. */
export interface ClusterMember {
  readonly id: MemberId;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** Written once, first in a WAL: whose log this is. A restart under another identity is refused. */
export interface Identity {
  readonly cluster: ClusterId;
  readonly member: MemberId;
}

/** A look at the member from outside, as of now. */
export interface MemberStatus {
  readonly identity: Identity;
  readonly role: Role;
  readonly term: Term;
  /** 0 when unknown. */
  readonly leader: MemberId;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly revision: Revision;
  readonly compactedRevision: Revision;
  readonly sizeBytes: number;
  readonly sizeInUseBytes: number;
  readonly alarms: readonly AlarmMember[];
  readonly leaderChangesTotal: number;
  readonly proposalsPending: number;
  readonly proposalsFailedTotal: number;
}

// ---------------------------------------------------------------------------------------------------------------- store

/**
 * One version of one key, in the shape of the API's KeyValue, so that answers hold it as it is. A deletion is a version whose
 * `version`, `createRevision` and `lease` are 0 and whose value is empty. Never changed, and its bytes are the store's own.
 */
export interface StoredKeyValue {
  readonly key: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** Puts since creation, from 1; 0 marks a tombstone. */
  readonly version: number;
  readonly value: Uint8Array;
  readonly lease: bigint;
}

/** One change as watchers see it; all changes of one revision travel together. */
export interface StoreEvent {
  readonly kind: "put" | "delete";
  readonly kv: StoredKeyValue;
  /** The version before; null when the key was absent. */
  readonly previous: StoredKeyValue | null;
}

/** What is read in one turn of the event loop where there is much to read: a few milliseconds also for code that is not compiled yet. */
export const SLICE: { readonly limit: number; readonly maxBytes: number } = { limit: 250, maxBytes: 128 * 1024 };
/** The same where keys are only counted: two or three milliseconds at most. */
export const SLICE_NAMES = 10_000;
