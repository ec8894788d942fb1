import assert from "node:assert/strict";
import type { MemberId } from "../../src/base/ids.ts";
import type { LogBase, Message, RaftInput } from "../../src/etcd/model.ts";
import { formatMessage, formatReady } from "../../src/etcd/raft/format.ts";
import type { RaftLimits } from "../../src/etcd/raft/state.ts";
import { TestMember } from "../raft/test-member.ts";

/** How much of what happens is written down: nothing, what members become and answer, or every message and write too. */
export type Shown = "nothing" | "results" | "everything";

const RESULT = /^(is |applies |read |drops |streams |installs |refuses )/;

export function nameOf(id: MemberId): string {
  return `n${id}`;
}

/** A snapshot's file between two members. */
interface Stream {
  readonly from: TestMember;
  readonly to: MemberId;
  readonly snapshot: LogBase;
}

/** Of `count` members the first `founders` make the cluster; the learners among them are its last. The others are to join. */
export interface Founding {
  readonly count: number;
  readonly founders: number;
  readonly learners: number;
}

/** The cluster of one story. Unless told otherwise, syncs return and messages arrive at once, in order, until all is quiet. */
export class World {
  readonly members: readonly TestMember[];
  readonly lines: string[] = [];
  shown: Shown = "results";
  readonly syncsByHand: Set<MemberId> = new Set();
  readonly #cut = new Set<string>();
  readonly #held = new Set<string>();
  streamsByHand = false;
  #network: Message[] = [];
  #streams: Stream[] = [];

  constructor({ count, founders, learners }: Founding, limits: RaftLimits) {
    const ids = Array.from({ length: count }, (_, i) => BigInt(i + 1) as MemberId);
    const named = { voters: ids.slice(0, founders - learners), learners: ids.slice(founders - learners, founders) };
    const options = { seed: 1, electionTicks: 10, heartbeatTicks: 2, limits };
    this.members = ids.map((id, i) => new TestMember({ id, ...(i < founders ? named : { voters: [] }), ...options }));
  }

  member(name: string): TestMember {
    const member = this.members.find(({ id }) => nameOf(id) === name);
    assert.ok(member !== undefined, `there is a node ${name}`);
    return member;
  }

  step(member: TestMember, input: RaftInput): void {
    member.step(input);
    this.settle();
  }

  /** Turns, syncs and deliveries until nothing moves any more. */
  settle(): void {
    for (let round = 0; ; round++) {
      assert.ok(round < 1000, "a story comes to rest");
      let moved = false;
      for (const member of this.members) {
        if (member.core === null) continue;
        if (this.#turn(member)) moved = true;
        if (!this.syncsByHand.has(member.id) && member.unsynced.length > 0) {
          this.#network.push(...member.sync(member.unsynced.length));
          moved = true;
        }
      }
      const passing = this.#network.filter((message) => !this.#held.has(link(message)));
      this.#network = this.#network.filter((message) => this.#held.has(link(message)) && !this.#cut.has(link(message)));
      for (const message of passing) this.#hand(message);
      const streams = this.streamsByHand ? [] : this.#streams.splice(0);
      for (const stream of streams) this.#endStream(stream, true);
      if (!moved && passing.length === 0 && streams.length === 0) return;
    }
  }

  #turn(member: TestMember): boolean {
    const turn = member.turn();
    if (turn === null) return false;
    for (const line of formatReady(turn.ready, nameOf)) {
      if (this.shown === "everything" || (this.shown === "results" && RESULT.test(line))) {
        this.lines.push(`${nameOf(member.id)} ${line}`);
      }
    }
    this.#network.push(...turn.leaving);
    for (const to of turn.ready.snapshotsToSend) {
      const snapshot = member.running.baseAt(member.running.status.applied);
      assert.ok(snapshot !== null, "a snapshot is of a known place");
      this.#streams.push({ from: member, to, snapshot });
    }
    return true;
  }

  /** The file arrives, or does not, and the sender is told. */
  #endStream({ from, to, snapshot }: Stream, arrives: boolean): void {
    const target = this.member(nameOf(to));
    const taken = arrives && target.core !== null && !this.#cut.has(`${nameOf(from.id)}>${nameOf(to)}`);
    if (taken) target.step({ kind: "snapshot-received", snapshot });
    if (from.core !== null) from.step({ kind: "snapshot-sent", peer: to, index: taken ? snapshot.index : null });
  }

  /** The oldest file between two members, by hand. */
  endStream(from: string, to: string, arrives: boolean): void {
    const at = this.#streams.findIndex((stream) => nameOf(stream.from.id) === from && nameOf(stream.to) === to);
    const [stream] = at < 0 ? [] : this.#streams.splice(at, 1);
    if (stream === undefined) this.lines.push(`no snapshot is on its way from ${from} to ${to}`);
    else this.#endStream(stream, arrives);
    this.settle();
  }

  #hand(message: Message): void {
    const member = this.member(nameOf(message.to));
    if (member.core !== null && !this.#cut.has(link(message))) member.step({ kind: "message", message });
  }

  sync(member: TestMember): void {
    this.#network.push(...member.sync(member.unsynced.length));
    this.settle();
  }

  /** Hands over, or loses, the oldest `count` messages on the way from one member to another. */
  take(from: string, to: string, count: number, action: "deliver" | "duplicate" | "lose"): void {
    const taken = this.#network
      .filter((message) => nameOf(message.from) === from && nameOf(message.to) === to)
      .slice(0, count);
    if (taken.length === 0) this.lines.push(`nothing is on its way from ${from} to ${to}`);
    if (action !== "duplicate") this.#network = this.#network.filter((message) => !taken.includes(message));
    for (const message of taken) {
      if (this.shown !== "nothing") this.lines.push(formatMessage(message, nameOf));
      if (action === "lose") continue;
      this.#hand(message);
      this.settle();
    }
  }

  onTheWay(): readonly string[] {
    return this.#network.map((message) => formatMessage(message, nameOf));
  }

  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** From now on messages from one member to another wait until they are delivered by hand. */
  hold(from: string, to: string): void {
    this.#held.add(`${from}>${to}`);
  }

  release(): void {
    this.#held.clear();
  }
}

function link(message: Message): string {
  return `${nameOf(message.from)}>${nameOf(message.to)}`;
}
