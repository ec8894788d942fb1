/** Raft messages as peerpb carries them. Sender and receiver are those of the connection, so they are not repeated. */
import { unreachable } from "../../base/assert.ts";
import { CodecError } from "../../base/codec.ts";
import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type * as peerpb from "../../proto/gen/peerpb.ts";
import type { Entry, Message } from "../model.ts";

type Body = NonNullable<peerpb.Message["body"]>;

/** Bytes a message takes in a sender's queue, roughly. */
export function sizeOf(message: Message): number {
  let bytes = 64;
  if (message.kind === "append") for (const entry of message.entries) bytes += entry.data.length + 32;
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
      return { kind: "preVote", value: { lastIndex: message.lastIndex, lastTerm: message.lastTerm } };
    case "vote":
      return { kind: "vote", value: { lastIndex: message.lastIndex, lastTerm: message.lastTerm } };
    case "pre-vote-response":
      return { kind: "preVoteResponse", value: { granted: message.granted } };
    case "vote-response":
      return { kind: "voteResponse", value: { granted: message.granted } };
    case "propose":
      return { kind: "propose", value: { sequence: message.sequence, data: message.data } };
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

/** Throws CodecError for a message without a body that this version knows. */
export function fromWire({ term, body }: peerpb.Message, from: MemberId, to: MemberId): Message {
  const addressed = { from, to, term: term as Term };
  switch (body?.kind) {
    case "append": {
      const { previousIndex, previousTerm, commit, entries } = body.value;
      return {
        ...addressed,
        kind: "append",
        previousIndex: previousIndex as LogIndex,
        previousTerm: previousTerm as Term,
        commit: commit as LogIndex,
        entries: entries.map(entryFromWire),
      };
    }
    case "appendResponse":
      return { ...addressed, kind: "append-response", ...acknowledgement(body.value) };
    case "heartbeat":
      return {
        ...addressed,
        kind: "heartbeat",
        commit: body.value.commit as LogIndex,
        readRound: body.value.readRound,
      };
    case "heartbeatResponse":
      return { ...addressed, kind: "heartbeat-response", readRound: body.value.readRound };
    case "preVote":
      return { ...addressed, kind: "pre-vote", ...lastOf(body.value) };
    case "vote":
      return { ...addressed, kind: "vote", ...lastOf(body.value) };
    case "preVoteResponse":
      return { ...addressed, kind: "pre-vote-response", granted: body.value.granted };
    case "voteResponse":
      return { ...addressed, kind: "vote-response", granted: body.value.granted };
    case "propose":
      return { ...addressed, kind: "propose", sequence: body.value.sequence, data: body.value.data.map(copy) };
    case "readIndex":
      return { ...addressed, kind: "read-index", id: body.value.id };
    case "readIndexResponse": {
      const { id, confirmed, index } = body.value;
      return { ...addressed, kind: "read-index-response", id, index: confirmed ? (index as LogIndex) : null };
    }
    default:
      throw new CodecError("a member's message has no body");
  }
}

function lastOf(request: peerpb.VoteRequest): { readonly lastIndex: LogIndex; readonly lastTerm: Term } {
  return { lastIndex: request.lastIndex as LogIndex, lastTerm: request.lastTerm as Term };
}

function acknowledgement({ index, rejected }: peerpb.AppendResponse): {
  readonly index: LogIndex;
  readonly rejected: { readonly hintIndex: LogIndex; readonly hintTerm: Term } | null;
} {
  if (rejected === null) return { index: index as LogIndex, rejected: null };
  const hint = { hintIndex: rejected.hintIndex as LogIndex, hintTerm: rejected.hintTerm as Term };
  return { index: index as LogIndex, rejected: hint };
}

function entryToWire({ term, index, kind, data }: Entry): peerpb.Entry {
  return { term, index, config: kind === "config", data };
}

function entryFromWire({ term, index, config, data }: peerpb.Entry): Entry {
  return { term: term as Term, index: index as LogIndex, kind: config ? "config" : "normal", data: copy(data) };
}

/** What the log keeps must not keep the whole batch that brought it. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
