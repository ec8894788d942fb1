/**
 * Servers broken on purpose, each by one wrong answer to one question of safety: the simulator must catch every one. None is
 * ever part of the healthy program: a mutant wraps what a member is handed at its start.
 */
import { type LogIndex, NO_MEMBER } from "../base/ids.ts";
import type { Disk, DiskFile } from "../env/disk.ts";
import type { Member } from "../etcd/member.ts";
import { CAREFUL, type MemberDecisions } from "../etcd/member-decisions.ts";
import type { MemberOptions } from "../etcd/member-options.ts";
import { CORRECT, type RaftDecisions } from "../etcd/raft/decisions.ts";
import type { Requests } from "../etcd/requests.ts";
import { type MemberStorage, storageWith } from "../etcd/storage.ts";
import { compactsTooMuch } from "./compaction.ts";
import { forwardsExpiry, keepsCheckpoints, provesNothing } from "./leases.ts";

type ClientRequests = Pick<Requests, "range" | "put" | "deleteRange" | "txn" | "compact">;

export interface Mutant {
  readonly name: string;
  /** What it does wrong, in one sentence. */
  readonly sin: string;
  readonly disk?: (disk: Disk) => Disk;
  readonly member?: (options: MemberOptions) => MemberOptions;
  readonly requests?: (requests: ClientRequests) => ClientRequests;
  readonly lessor?: (member: Member) => Member;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "skip-sync",
    sin: "says that its log is synced, and has not synced it",
    disk: (disk) => ({ ...disk, open: async (name, { create }) => unsynced(await disk.open(name, { create })) }),
  },
  {
    name: "lose-last-record",
    sin: "loses the last entry of its log at a restart",
    member: (options) => stored(options, { entries: options.storage.entries.slice(0, -1) }),
  },
  {
    name: "forget-vote",
    sin: "forgets at a restart for whom it voted",
    member: (options) => stored(options, { hardState: { ...options.storage.hardState, vote: NO_MEMBER } }),
  },
  {
    name: "read-locally",
    sin: "serves a linearizable read from what it has, without asking anybody",
    requests: (requests) => ({
      ...bound(requests),
      range: (request) => requests.range({ ...request, serializable: true }),
    }),
  },
  decided("vote-twice", "votes for everybody who asks in one term", { mayVote: () => true }),
  decided("ignore-log", "votes for candidates whose log misses what may be committed", { logUpToDate: () => true }),
  decided("unmatched-append", "takes entries that do not fit what is before them", { matches: () => true }),
  decided("truncate-always", "cuts its log wherever an append begins, committed or not", { conflicts: () => true }),
  decided("commit-earlier-terms", "commits entries of earlier terms by counting copies", { mayCommit: () => true }),
  decided("read-unconfirmed", "answers reads without knowing that it still leads", { readConfirmed: () => true }),
  decided("learner-votes", "counts the votes of learners", { voteCounts: () => true }),
  decided("stale-transfer", "hands leadership to members that lack entries", { transferReady: () => true }),
  decided("overlapping-changes", "changes the membership while a change is under way", { mayChange: () => true }),
  decided("forget-members", "installs a snapshot without its membership", { configurationOf: (_, before) => before }),
  careless("answer-early", "answers confirmed reads before it has applied up to them", { mayRead: () => true }),
  {
    name: "apply-twice",
    sin: "applies an entry a second time after a restart",
    // Only one that the log still has: asked for another, the core refuses to start, and nothing is applied twice.
    member: (options) => {
      const begins = options.storage.base?.index ?? 0;
      const resumeAt = (stored: LogIndex): LogIndex => (stored > begins ? stored - 1 : stored) as LogIndex;
      return { ...options, memberDecisions: { ...CAREFUL, resumeAt } };
    },
  },
  {
    name: "lease-unproven",
    sin: "renews leases, and lets them run out, without knowing that it still leads",
    lessor: provesNothing,
  },
  {
    name: "lease-forwarded",
    sin: "passes on to the next leader that leases have run out which it counted itself (etcd issue 15247)",
    lessor: forwardsExpiry,
  },
  {
    name: "lease-checkpoint-kept",
    sin: "renews leases without taking back the checkpoint by which the next leader would end them",
    lessor: keepsCheckpoints,
  },
  {
    name: "compact-too-much",
    sin: "removes with each change that is compacted the one behind it",
    member: (options) => ({ ...options, storage: compactsTooMuch(options.storage) }),
  },
];

export function mutantOf(name: string): Mutant | null {
  return MUTANTS.find((mutant) => mutant.name === name) ?? null;
}

function decided(name: string, sin: string, decisions: Partial<RaftDecisions>): Mutant {
  return { name, sin, member: (options) => ({ ...options, decisions: { ...CORRECT, ...decisions } }) };
}

function careless(name: string, sin: string, decisions: Partial<MemberDecisions>): Mutant {
  return { name, sin, member: (options) => ({ ...options, memberDecisions: { ...CAREFUL, ...decisions } }) };
}

function stored(options: MemberOptions, changes: Partial<MemberStorage>): MemberOptions {
  return { ...options, storage: storageWith(options.storage, changes) };
}

function unsynced(file: DiskFile): DiskFile {
  return { ...file, sync: async () => {} };
}

function bound(requests: ClientRequests): ClientRequests {
  return {
    range: (request) => requests.range(request),
    put: (request) => requests.put(request),
    deleteRange: (request) => requests.deleteRange(request),
    txn: (request) => requests.txn(request),
    compact: (request) => requests.compact(request),
  };
}
