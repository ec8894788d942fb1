import { assert } from "../../base/assert.ts";
import { type LogIndex, NO_MEMBER } from "../../base/ids.ts";
import type { LogBase, Message } from "../model.ts";
import type { RaftState } from "./state.ts";

type Kind<Name extends Message["kind"]> = Extract<Message, { readonly kind: Name }>;

/**
 * A follower's half: takes entries that fit its log, or says where the two logs may still agree. The answer is a promise and
 * waits for the sync (D3).
 */
export function takeAppend(state: RaftState, message: Kind<"append">): void {
  const { log, outbox } = state;
  assert(state.leader === message.from, "entries come from the leader of the term", { from: message.from });
  const previous = { index: message.previousIndex, term: message.previousTerm };
  const matched = log.tryAppend(previous, message.entries);
  const { from, to, term } = state.address(message.from);
  if (matched === null) {
    const hint = log.lastNotAbove(message.previousIndex, message.previousTerm);
    const rejected = { hintIndex: hint.index, hintTerm: hint.term };
    outbox.promises.push({ kind: "append-response", from, to, term, index: message.previousIndex, rejected });
    return;
  }
  log.commitTo(Math.min(message.commit, matched) as LogIndex);
  outbox.promises.push({ kind: "append-response", from, to, term, index: matched, rejected: null });
}

/** Answered at once: whoever answers in this term has helped no leader of a later one to power, and that is no new promise. */
export function takeHeartbeat(state: RaftState, message: Kind<"heartbeat">): void {
  assert(state.leader === message.from, "heartbeats come from the leader of the term", { from: message.from });
  state.log.commitTo(message.commit);
  const { from, to, term } = state.address(message.from);
  state.outbox.messages.push({ kind: "heartbeat-response", from, to, term, readRound: message.readRound });
}

/**
 * A leader of an earlier term learns which term it is. Without an answer a member whose term has run ahead could neither win (others
 * hear the leader) nor follow.
 */
export function refuseLeader(state: RaftState, message: Kind<"append" | "heartbeat">): void {
  assert(message.term < state.term, "only a stale leader is refused", { term: message.term });
  const address = state.address(message.from);
  if (message.kind === "heartbeat") {
    state.outbox.messages.push({ kind: "heartbeat-response", ...address, readRound: 0 });
    return;
  }
  const rejected = { hintIndex: state.log.lastIndex, hintTerm: state.log.lastTerm };
  state.outbox.promises.push({ kind: "append-response", ...address, index: message.previousIndex, rejected });
}

/** A leader that sends a snapshot in vain has not heard how far this member is: everything committed here is in its log, too. */
export function acknowledgeCommitted(state: RaftState): void {
  const { log, leader, role, outbox } = state;
  if (role !== "follower" || leader === NO_MEMBER) return;
  outbox.promises.push({ kind: "append-response", ...state.address(leader), index: log.committed, rejected: null });
}

/**
 * A snapshot that lies beyond what is committed here (Raft, section 7). A log that holds its place already only learns that everything
 * up to it is committed; any other begins anew behind it. True when it does: the snapshot is to be installed.
 */
export function takeSnapshot(state: RaftState, snapshot: LogBase): boolean {
  const { log, leader, decisions, outbox } = state;
  assert(state.role === "follower", "only a follower takes a snapshot", { role: state.role });
  assert(snapshot.term <= state.term, "a snapshot is not ahead of the term", { term: state.term });
  const isHeld = log.termAt(snapshot.index) === snapshot.term;
  if (isHeld) log.commitTo(snapshot.index);
  else log.restore({ ...snapshot, configuration: decisions.configurationOf(snapshot, log.configuration) });
  if (leader !== NO_MEMBER)
    outbox.promises.push({ kind: "append-response", ...state.address(leader), index: snapshot.index, rejected: null });
  return !isHeld;
}
