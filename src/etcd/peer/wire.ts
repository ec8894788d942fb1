/** Raft messages as peerpb carries them. Sender and receiver are those of the connection, so they are not repeated. */
import { unreachable } from "../../base/assert.ts";
import { CodecError } from "../../base/codec.ts";
import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type * as peerpb from "../../proto/gen/peerpb.ts";
import { ChangeKind, ChangeRefusal } from "../../proto/gen/peerpb.ts";
import type { Change, Entry, Message, ChangeRefusal as Refusal } from "../model.ts";

type Body = NonNullable<peerpb.Message["body"]>;

const CHANGE_KINDS: Readonly<Record<Change["kind"], ChangeKind>> = {
  "add-voter": ChangeKind.ADD_VOTER,
  "add-learner": ChangeKind.ADD_LEARNER,
  promote: ChangeKind.PROMOTE,
  remove: ChangeKind.REMOVE,
  update: ChangeKind.UPDATE,
};

const REFUSALS: Readonly<Record<Refusal, ChangeRefusal>> = {
  "member-exists": ChangeRefusal.MEMBER_EXISTS,
  "member-unknown": ChangeRefusal.MEMBER_UNKNOWN,
  "not-a-learner": ChangeRefusal.NOT_A_LEARNER,
  "last-voter": ChangeRefusal.LAST_VOTER,
  "too-many-members": ChangeRefusal.TOO_MANY_MEMBERS,
  "learner-behind": ChangeRefusal.LEARNER_BEHIND,
  "change-pending": ChangeRefusal.CHANGE_PENDING,
  "no-leader": ChangeRefusal.NO_LEADER,
  "peer-url-exists": ChangeRefusal.PEER_URL_EXISTS,
  "too-many-learners": ChangeRefusal.TOO_MANY_LEARNERS,
};

/** Bytes a message takes in a sender's queue, roughly. */
export function sizeOf(message: Message): number {
  let bytes = 64;
  if (message.kind === "append") for (const entry of message.entries) bytes += entry.data.length + 32;
  if (message.kind === "propose-change") bytes += message.context.length;
  if (message.kind === "propose") for (const data of message.data) bytes += data.length + 8;
  return bytes;
}

export function toWire(message: Message): peerpb.Message {
  return { term: message.term, body: bodyOf(message) };
}

function bodyOf(message: Message): Body {
  switch (message.kind) {
    case "append": {
      const { previousIndex, previousTerm, commit } = message;
      return {
        kind: "append",
        value: { previousIndex, previousTerm, commit, entries: message.entries.map(entryToWire) },
      };
    }
    case "append-response":
      return { kind: "appendResponse", value: { index: message.index, rejected: message.rejected } };
    case "heartbeat":
      return { kind: "heartbeat", value: { commit: message.commit, readRound: message.readRound } };
    case "heartbeat-response":
      return { kind: "heartbeatResponse", value: { readRound: message.readRound } };
    case "pre-vote":
      return { kind: "preVote", value: voteToWire(message) };
    case "vote":
      return { kind: "vote", value: voteToWire(message) };
    case "pre-vote-response":
      return { kind: "preVoteResponse", value: { granted: message.granted } };
    case "vote-response":
      return { kind: "voteResponse", value: { granted: message.granted } };
    case "propose":
      return { kind: "propose", value: { sequence: message.sequence, data: message.data } };
    case "propose-refused":
      return { kind: "proposeRefused", value: { sequence: message.sequence, taken: message.taken } };
    case "propose-change": {
      const { sequence, change, context } = message;
      const value = { sequence, kind: CHANGE_KINDS[change.kind], member: change.member, context };
      return { kind: "proposeChange", value };
    }
    case "change-refused":
      return { kind: "changeRefused", value: { sequence: message.sequence, reason: REFUSALS[message.reason] } };
    case "timeout-now":
      return { kind: "timeoutNow", value: {} };
    case "read-index":
      return { kind: "readIndex", value: { id: message.id } };
    case "read-index-response": {
      const { id, index } = message;
      return { kind: "readIndexResponse", value: { id, confirmed: index !== null, index: index ?? 0 } };
    }
    default:
      return unreachable(message);
  }
}

/**
 * Throws CodecError for a message without a body that this version knows. No spreading: a message comes as often as a batch, and a
 * literal that spreads another costs as much as decoding an entry.
 */
export function fromWire(message: peerpb.Message, from: MemberId, to: MemberId): Message {
  const { body } = message;
  const term = message.term as Term;
  switch (body?.kind) {
    case "append": {
      const { previousIndex, previousTerm, commit, entries } = body.value;
      return {
        kind: "append",
        from,
        to,
        term,
        previousIndex: previousIndex as LogIndex,
        previousTerm: previousTerm as Term,
        commit: commit as LogIndex,
        entries: entriesFromWire(entries),
      };
    }
    case "appendResponse": {
      const { index, rejected } = body.value;
      const hint = rejectionFromWire(rejected);
      return { kind: "append-response", from, to, term, index: index as LogIndex, rejected: hint };
    }
    case "heartbeat":
      return {
        kind: "heartbeat",
        from,
        to,
        term,
        commit: body.value.commit as LogIndex,
        readRound: body.value.readRound,
      };
    case "heartbeatResponse":
      return { kind: "heartbeat-response", from, to, term, readRound: body.value.readRound };
    case "preVote":
      return { kind: "pre-vote", from, to, term, ...voteFromWire(body.value) };
    case "vote":
      return { kind: "vote", from, to, term, ...voteFromWire(body.value) };
    case "preVoteResponse":
      return { kind: "pre-vote-response", from, to, term, granted: body.value.granted };
    case "voteResponse":
      return { kind: "vote-response", from, to, term, granted: body.value.granted };
    case "propose":
      return { kind: "propose", from, to, term, sequence: body.value.sequence, data: body.value.data.map(copy) };
    case "proposeRefused":
      return { kind: "propose-refused", from, to, term, sequence: body.value.sequence, taken: body.value.taken };
    case "proposeChange": {
      const { sequence, kind, member, context } = body.value;
      const change = { kind: nameOf(CHANGE_KINDS, kind), member: member as MemberId };
      return { kind: "propose-change", from, to, term, sequence, change, context: copy(context) };
    }
    case "changeRefused": {
      const { sequence, reason } = body.value;
      return { kind: "change-refused", from, to, term, sequence, reason: nameOf(REFUSALS, reason) };
    }
    case "timeoutNow":
      return { kind: "timeout-now", from, to, term };
    case "readIndex":
      return { kind: "read-index", from, to, term, id: body.value.id };
    case "readIndexResponse": {
      const { id, confirmed, index } = body.value;
      return { kind: "read-index-response", from, to, term, id, index: confirmed ? (index as LogIndex) : null };
    }
    default:
      throw new CodecError("a member's message has no body");
  }
}

function voteToWire(request: Extract<Message, { readonly kind: "vote" | "pre-vote" }>): peerpb.VoteRequest {
  const { lastIndex, lastTerm, transfer } = request;
  return { lastIndex, lastTerm, transfer };
}

function voteFromWire({ lastIndex, lastTerm, transfer }: peerpb.VoteRequest): {
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly transfer: boolean;
} {
  return { lastIndex: lastIndex as LogIndex, lastTerm: lastTerm as Term, transfer };
}

/** The word for a number on the wire. */
function nameOf<Name extends string>(numbers: Readonly<Record<Name, number>>, number: number): Name {
  for (const name in numbers) if (numbers[name] === number) return name;
  throw new CodecError("a member's message says what this version does not know");
}

function rejectionFromWire(
  rejected: peerpb.AppendResponse["rejected"],
): { readonly hintIndex: LogIndex; readonly hintTerm: Term } | null {
  if (rejected === null) return null;
  return { hintIndex: rejected.hintIndex as LogIndex, hintTerm: rejected.hintTerm as Term };
}

function entryToWire({ term, index, kind, data }: Entry): peerpb.Entry {
  return { term, index, config: kind === "config", data };
}

/** What the log keeps must not keep the whole batch that brought it. One piece of memory for all: they leave the log together. */
function entriesFromWire(entries: readonly peerpb.Entry[]): readonly Entry[] {
  const bytes = new Uint8Array(entries.reduce((sum, { data }) => sum + data.length, 0));
  let end = 0;
  return entries.map(({ term, index, config, data }) => {
    bytes.set(data, end);
    const own = new Uint8Array(bytes.buffer, end, data.length);
    end += data.length;
    return { term: term as Term, index: index as LogIndex, kind: config ? "config" : "normal", data: own };
  });
}

/** Without the batch that brought it. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
