import { assert, unreachable } from "../../base/assert.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { Change, Configuration, Entry, Message, Ready } from "../model.ts";
import { decodeConfigEntry } from "./configuration.ts";

/** How a member is called in a line; its id in hex unless told otherwise. */
export type MemberName = (id: MemberId) => string;

const SHOWN_BYTES = 16;

/** An entry as `index@term`, with what it carries: `7@2 "put"`, `8@2 empty`, `9@2 config n1 n2, learners n3`. */
export function formatEntry(entry: Entry, name: MemberName = hex): string {
  const { index, term, kind, data } = entry;
  if (kind === "config")
    return `${index}@${term} config ${formatConfiguration(decodeConfigEntry(entry).configuration, name)}`;
  return `${index}@${term} ${data.length === 0 ? "empty" : formatData(data)}`;
}

export function formatConfiguration({ voters, learners }: Configuration, name: MemberName = hex): string {
  const listed = voters.length === 0 ? "nobody" : voters.map(name).join(" ");
  return learners.length === 0 ? listed : `${listed}, learners ${learners.map(name).join(" ")}`;
}

function formatEntries(entries: readonly Entry[], name: MemberName): string {
  return entries.map((entry) => formatEntry(entry, name)).join(", ");
}

function formatChange({ kind, member }: Change, name: MemberName): string {
  return `${kind} ${name(member)}`;
}

/** Short printable data is shown; of anything else only the size. */
function formatData(data: Uint8Array): string {
  const printable = data.length <= SHOWN_BYTES && data.every((byte) => byte >= 0x20 && byte < 0x7f);
  return printable ? JSON.stringify(String.fromCharCode(...data)) : `${data.length} bytes`;
}

/** One line for one message: `n1 -> n2 term 2 append after 6@1: 7@2 "put"; commit 6`. */
export function formatMessage(message: Message, name: MemberName = hex): string {
  assert(message.from !== message.to, "messages travel between members", { from: message.from });
  return `${name(message.from)} -> ${name(message.to)} term ${message.term} ${formatBody(message, name)}`;
}

function formatBody(message: Message, name: MemberName): string {
  switch (message.kind) {
    case "append": {
      const { previousIndex, previousTerm, entries, commit } = message;
      const list = entries.length === 0 ? "nothing" : formatEntries(entries, name);
      return `append after ${previousIndex}@${previousTerm}: ${list}; commit ${commit}`;
    }
    case "append-response":
      if (message.rejected === null) return `append-response matches to ${message.index}`;
      return `append-response rejects ${message.index}, hint ${message.rejected.hintIndex}@${message.rejected.hintTerm}`;
    case "heartbeat":
      return `heartbeat commit ${message.commit}${formatRound(message.readRound)}`;
    case "heartbeat-response":
      return `heartbeat-response${formatRound(message.readRound)}`;
    case "vote":
    case "pre-vote":
      return `${message.kind} last ${message.lastIndex}@${message.lastTerm}${message.transfer ? " by transfer" : ""}`;
    case "vote-response":
    case "pre-vote-response":
      return `${message.kind} ${message.granted ? "granted" : "refused"}`;
    case "propose":
      return `propose #${message.sequence}: ${message.data.map(formatData).join(", ")}`;
    case "propose-refused":
      return `propose-refused #${message.sequence} after ${message.taken}`;
    case "propose-change":
      return `propose-change #${message.sequence}: ${formatChange(message.change, name)}`;
    case "change-refused":
      return `change-refused #${message.sequence}: ${message.reason}`;
    case "timeout-now":
      return "timeout-now";
    case "read-index":
      return `read-index #${message.id}`;
    case "read-index-response":
      return `read-index-response #${message.id} ${message.index === null ? "refused" : `index ${message.index}`}`;
    default:
      return unreachable(message);
  }
}

function formatRound(round: number): string {
  return round === 0 ? "" : ` round ${round}`;
}

/** A Ready, a line for each thing to do, in the order of obligation. The driver adds whose it is. */
export function formatReady(ready: Ready, name: MemberName = hex): readonly string[] {
  const lines: string[] = [];
  const { leadership, hardState, entriesToPersist, entriesToApply } = ready;
  if (leadership !== null) {
    const leader = leadership.leader === 0n ? "no leader" : `leader ${name(leadership.leader)}`;
    lines.push(`is ${leadership.role} at term ${leadership.term}, ${leader}`);
  }
  for (const message of ready.messages) lines.push(`sends ${formatMessage(message, name)}`);
  for (const peer of ready.snapshotsToSend) lines.push(`streams a snapshot to ${name(peer)}`);
  if (ready.snapshot !== null) {
    const { index, term, configuration } = ready.snapshot;
    lines.push(`installs snapshot ${index}@${term} of ${formatConfiguration(configuration, name)}`);
  }
  if (hardState !== null) {
    const vote = hardState.vote === 0n ? "none" : name(hardState.vote);
    lines.push(`saves term ${hardState.term} vote ${vote} commit ${hardState.commit}`);
  }
  if (entriesToPersist.length > 0) lines.push(`persists ${formatEntries(entriesToPersist, name)}`);
  for (const message of ready.messagesAfterPersist) lines.push(`promises ${formatMessage(message, name)}`);
  if (entriesToApply.length > 0) lines.push(`applies ${formatEntries(entriesToApply, name)}`);
  for (const { id, index } of ready.readStates) lines.push(`read ${id} may be answered at ${index}`);
  for (const id of ready.droppedProposals) lines.push(`drops proposal ${id}`);
  for (const id of ready.droppedReads) lines.push(`drops read ${id}`);
  for (const { id, reason } of ready.refusedChanges) lines.push(`refuses change ${id}: ${reason}`);
  assert(lines.length > 0, "a Ready says something", { number: ready.number });
  return lines;
}
