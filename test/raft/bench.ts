import assert from "node:assert/strict";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Change, Configuration, Entry, LogBase, Message, Ready } from "../../src/etcd/model.ts";
import { encodeConfigData, makeConfiguration } from "../../src/etcd/raft/configuration.ts";
import { RaftCore } from "../../src/etcd/raft/core.ts";
import { CORRECT, type RaftDecisions } from "../../src/etcd/raft/decisions.ts";
import type { ReviewChange } from "../../src/etcd/raft/state.ts";
import { ROOMY } from "./test-member.ts";

export const ELECTION: number = 10;
export const ID: MemberId = 1n as MemberId;

type Body<M = Message> = M extends Message ? Omit<M, "from" | "to" | "term"> : never;

export interface Start {
  readonly voters?: number;
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
  /** Terms of the entries, from index 1. */
  readonly log?: readonly number[];
  readonly seed?: number;
  readonly appendBytes?: number;
  readonly uncommittedBytes?: number;
  readonly learners?: number;
  /** Entries behind a base other than 0. */
  readonly base?: LogBase;
  readonly entries?: readonly Entry[];
  readonly decisions?: Partial<RaftDecisions>;
  readonly review?: ReviewChange;
}

export const member = (id: number): MemberId => BigInt(id) as MemberId;

/** Members by number: the voters, then the learners. */
export function configuration(voters: readonly number[], learners: readonly number[] = []): Configuration {
  return makeConfiguration(voters.map(member), learners.map(member));
}

export function base(index: number, term: number, members: Configuration): LogBase {
  return { index: index as LogIndex, term: term as Term, configuration: members };
}

export function configEntry(index: number, term: number, members: Configuration): Entry {
  return { ...entry(index, term), kind: "config", data: encodeConfigData(members, new Uint8Array(0)) };
}

export function entry(index: number, term: number, text = ""): Entry {
  return { index: index as LogIndex, term: term as Term, kind: "normal", data: Buffer.from(text) };
}

/** Member 1 of a cluster, with everything it hands out at hand. */
export class Bench {
  readonly core: RaftCore;
  last = 0;

  constructor(start: Start = {}) {
    const { voters = 3, learners = 0, vote = 0, commit = 0, log = [], seed = 1 } = start;
    const { appendBytes = ROOMY.appendBytes, uncommittedBytes = ROOMY.uncommittedBytes } = start;
    const { entries = log.map((term, i) => entry(i + 1, term)) } = start;
    const ids = Array.from({ length: voters + learners }, (_, i) => i + 1);
    const founding = base(0, 0, configuration(ids.slice(0, voters), ids.slice(voters)));
    const begins = start.base ?? founding;
    this.core = new RaftCore({
      id: ID,
      base: begins,
      electionTicks: ELECTION,
      heartbeatTicks: 1,
      prng: new Prng(seed),
      hardState: {
        term: (start.term ?? entries.at(-1)?.term ?? begins.term) as Term,
        vote: member(vote),
        commit: commit as LogIndex,
      },
      entries,
      appliedIndex: begins.index,
      firstSequence: 0,
      limits: { ...ROOMY, appendBytes, uncommittedBytes },
      decisions: { ...CORRECT, ...start.decisions },
      ...(start.review === undefined ? {} : { review: start.review }),
    });
  }

  /** The next Ready; not yet synced. */
  take(): Ready {
    const ready = this.core.takeReady();
    assert.ok(ready !== null, "something is due");
    this.last = ready.number;
    return ready;
  }

  sync(): void {
    this.core.step({ kind: "persisted", number: this.last });
  }

  /** Turns and syncs until nothing is due; all that was to be sent. */
  settle(): Message[] {
    const sent: Message[] = [];
    for (let ready = this.core.takeReady(); ready !== null; ready = this.core.takeReady()) {
      this.last = ready.number;
      sent.push(...ready.messages, ...ready.messagesAfterPersist);
      this.sync();
    }
    return sent;
  }

  hear(from: number, term: number, body: Body): void {
    const message = { ...body, from: BigInt(from) as MemberId, to: ID, term: term as Term } as Message;
    this.core.step({ kind: "message", message });
  }

  append(from: number, term: number, previous: readonly [number, number], entries: readonly Entry[], commit = 0): void {
    this.hear(from, term, {
      kind: "append",
      previousIndex: previous[0] as LogIndex,
      previousTerm: previous[1] as Term,
      entries,
      commit: commit as LogIndex,
    });
  }

  accept(from: number, index: number): void {
    this.hear(from, this.core.status.term, { kind: "append-response", index: index as LogIndex, rejected: null });
  }

  ask(from: number, term: number, kind: "vote" | "pre-vote", lastIndex: number, lastTerm: number): void {
    this.hear(from, term, { kind, lastIndex: lastIndex as LogIndex, lastTerm: lastTerm as Term, transfer: false });
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) this.core.step({ kind: "tick" });
  }

  /** Ticks until a campaign begins; how many ticks that took. */
  tickToCampaign(): number {
    for (let ticks = 1; ticks <= 2 * ELECTION; ticks++) {
      this.tick();
      if (this.core.status.role === "pre-candidate") return ticks;
    }
    throw new Error("no campaign within two election times");
  }

  /** Becomes candidate with the pre-votes of everybody. */
  stand(): void {
    this.tickToCampaign();
    this.settle();
    const { term } = this.core.status;
    for (let from = 2; this.core.status.role === "pre-candidate"; from++) {
      this.hear(from, term + 1, { kind: "pre-vote-response", granted: true });
    }
  }

  /** Becomes leader with the votes of everybody; its empty entry is synced and sent. */
  lead(): void {
    this.stand();
    this.settle();
    for (let from = 2; this.core.status.role === "candidate"; from++) {
      this.hear(from, this.core.status.term, { kind: "vote-response", granted: true });
    }
    this.settle();
  }

  change(kind: Change["kind"], id: number): void {
    this.core.step({ kind: "change", id, change: { kind, member: member(id) }, context: new Uint8Array(0) });
  }

  voteResponses(): boolean[] {
    return this.settle().flatMap((sent) => (sent.kind === "vote-response" ? [sent.granted] : []));
  }
}
