import assert from "node:assert/strict";
import type { MemberId, Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Entry, Message, Ready } from "../../src/etcd/model.ts";
import { majority } from "../../src/etcd/raft/quorum.ts";
import { TestMember } from "./test-member.ts";

/** How much of each trouble one seed brings; some seeds leave some of it out altogether. */
interface Troubles {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: boolean;
  readonly crash: number;
  readonly partition: number;
  readonly unreachable: number;
  readonly slowSync: number;
  readonly tick: number;
}

interface PendingRead {
  /** The highest commit index known anywhere when the read began. */
  readonly floor: number;
  readonly member: MemberId;
  readonly life: number;
}

const text = (entry: Entry): string => Buffer.from(entry.data).toString();

/**
 * A cluster in memory whose network and disks misbehave as one seed says, and a judge that looks at every Ready and every
 * commit. It holds the promises of Raft's figure 3 and of D3 and D4 against what it sees.
 */
export class RandomCluster {
  readonly members: TestMember[] = [];
  readonly #prng: Prng;
  readonly #troubles: Troubles;
  #network: Message[] = [];
  readonly #cut = new Set<string>();
  #slow: TestMember | null = null;
  readonly #leaders = new Map<Term, MemberId>();
  readonly #votes = new Map<string, MemberId>();
  readonly #committed: Entry[] = [];
  readonly #applied = new Map<MemberId, number>();
  readonly #reads = new Map<number, PendingRead>();
  readonly #droppedProposals = new Set<string>();
  #ids = 0;
  /** What happened, so that a test can assert that the seeds reach what they are meant to reach. */
  readonly seen = { elections: 0, commits: 0, reads: 0, droppedReads: 0, crashes: 0, truncations: 0, forwarded: 0 };

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    const count = this.#prng.pick([1, 2, 3, 3, 3, 4, 5, 5]);
    const maybe = (share: number): number => (this.#prng.float() < 0.5 ? 0 : this.#prng.float() * share);
    this.#troubles = {
      drop: maybe(0.3),
      duplicate: maybe(0.3),
      reorder: this.#prng.float() < 0.5,
      crash: maybe(0.01),
      partition: maybe(0.01),
      unreachable: maybe(0.02),
      slowSync: this.#prng.float(),
      tick: this.#prng.pick([0.1, 0.3, 0.6]),
    };
    const limits = {
      appendBytes: this.#prng.pick([1, 20, 1 << 20]),
      windowAppends: this.#prng.pick([1, 2, 64]),
      uncommittedBytes: this.#prng.pick([30, 1 << 20]),
      waitingReads: this.#prng.pick([2, 1000]),
    };
    const voters = Array.from({ length: count }, (_, i) => BigInt(i + 1) as MemberId);
    const electionTicks = 5 + this.#prng.below(8);
    const heartbeatTicks = 1 + this.#prng.below(2);
    for (const id of voters) {
      this.members.push(new TestMember({ id, voters, seed, electionTicks, heartbeatTicks, limits }));
    }
  }

  /** Trouble for `steps` steps. */
  run(steps: number): void {
    for (let i = 0; i < steps; i++) this.#randomStep();
  }

  #randomStep(): void {
    const member = this.#prng.pick(this.members);
    const { crash, partition, unreachable, slowSync, tick } = this.#troubles;
    if (this.#prng.float() < partition) this.#changePartition();
    if (member.core === null) {
      if (this.#prng.float() < 0.05) member.start();
      return;
    }
    if (this.#prng.float() < crash) {
      this.#crash(member);
      return;
    }
    if (this.#prng.float() < unreachable && this.members.length > 1) {
      const peer = this.#prng.pick(this.members.filter((other) => other !== member)).id;
      member.step({ kind: "unreachable", peer });
    }
    const choice = this.#prng.float();
    // The slow member's clock hardly moves: a leader like that does not notice that it was replaced.
    if (choice < tick && (member !== this.#slow || choice < 0.03)) member.step({ kind: "tick" });
    else if (choice < tick + 0.05) this.propose(member);
    else if (choice < tick + 0.1) this.read(member);
    else this.#deliver(this.#prng.below(4));
    if (this.#prng.float() < 0.7) this.#turn(member);
    if (this.#prng.float() > slowSync) this.#sync(member, 1 + this.#prng.below(3));
  }

  #crash(member: TestMember): void {
    this.seen.crashes++;
    member.crash(this.#prng.below(member.unsynced.length + 1), this.#prng.float() < 0.5);
    for (const [id, read] of this.#reads) if (read.member === member.id) this.#reads.delete(id);
    this.#applied.delete(member.id);
    this.#checkDisk(member);
  }

  #changePartition(): void {
    this.#cut.clear();
    this.#slow = this.#prng.float() < 0.5 ? null : this.#prng.pick(this.members);
    if (this.#prng.float() < 0.3) return;
    if (this.#prng.float() < 0.5) {
      const leader = this.members.find((member) => member.core?.status.role === "leader");
      this.#isolate(leader ?? this.#prng.pick(this.members));
      return;
    }
    const oneWay = this.#prng.float() < 0.3;
    for (const from of this.members) {
      for (const to of this.members) {
        if (from.id >= to.id || this.#prng.float() < 0.5) continue;
        if (!oneWay || this.#prng.float() < 0.5) this.#cut.add(`${from.id}>${to.id}`);
        if (!oneWay || this.#prng.float() < 0.5) this.#cut.add(`${to.id}>${from.id}`);
      }
    }
  }

  #isolate(member: TestMember): void {
    if (this.#prng.float() < 0.5) this.#slow = member;
    for (const other of this.members) {
      this.#cut.add(`${member.id}>${other.id}`);
      this.#cut.add(`${other.id}>${member.id}`);
    }
  }

  propose(member: TestMember): string {
    const id = ++this.#ids;
    const data = `p${id}`;
    if (member.core?.status.role === "follower" && member.core.status.leader !== 0n) this.seen.forwarded++;
    member.step({ kind: "propose", id, data: Buffer.from(data) });
    return data;
  }

  read(member: TestMember): number {
    const id = ++this.#ids;
    this.#reads.set(id, { floor: this.#committed.length, member: member.id, life: member.lives });
    member.step({ kind: "read-index", id });
    return id;
  }

  #deliver(count: number): void {
    for (let i = 0; i < count && this.#network.length > 0; i++) {
      const position = this.#troubles.reorder ? this.#prng.below(this.#network.length) : 0;
      const message = this.#network.splice(position, 1)[0] as Message;
      if (this.#prng.float() < this.#troubles.duplicate) this.#network.push(message);
      if (this.#prng.float() < this.#troubles.drop) continue;
      if (this.#cut.has(`${message.from}>${message.to}`)) continue;
      this.#hand(message);
    }
  }

  #hand(message: Message): void {
    const member = this.members[Number(message.to) - 1] as TestMember;
    if (member.core === null) return;
    member.step({ kind: "message", message });
    this.#afterStep(member);
  }

  #turn(member: TestMember): boolean {
    const before = member.view.entries.length;
    const turn = member.turn();
    if (turn === null) return false;
    const first = turn.ready.entriesToPersist[0];
    if (first !== undefined && first.index <= before) this.seen.truncations++;
    this.#send(turn.leaving);
    this.#judge(member, turn.ready);
    return true;
  }

  #sync(member: TestMember, count: number): void {
    if (member.unsynced.length === 0) return;
    this.#send(member.sync(count));
    this.#checkDisk(member);
    this.#afterStep(member);
  }

  #send(messages: readonly Message[]): void {
    this.#network.push(...messages);
    // The oldest are lost when the network is full.
    if (this.#network.length > 2000) this.#network = this.#network.slice(-1000);
  }

  // ------------------------------------------------------------------------------------------------------------- judge

  /** A commit index that moved on a leader: acknowledged means persisted on a majority. */
  #afterStep(member: TestMember): void {
    const status = member.core?.status;
    if (status === undefined || status.role !== "leader") return;
    for (let index = this.#committed.length + 1; index <= status.committed; index++) {
      const entry = member.disk.entries[index - 1] ?? member.view.entries[index - 1];
      assert.ok(entry !== undefined, "a leader holds what it commits");
      const holders = this.members.filter((other) => other.disk.entries[index - 1]?.term === entry.term);
      assert.ok(holders.length >= majority(this.members.length), `entry ${index} is on the disks of a majority`);
      assert.ok(!this.#droppedProposals.has(text(entry)), `a dropped proposal is not committed: ${text(entry)}`);
      this.#committed.push(entry);
      this.seen.commits++;
    }
  }

  #judge(member: TestMember, ready: Ready): void {
    this.#afterStep(member);
    if (ready.leadership?.role === "leader") this.#judgeLeader(member, ready.leadership.term);
    for (const entry of ready.entriesToApply) {
      const expected = this.#committed[entry.index - 1];
      assert.ok(expected !== undefined, `member ${member.id} applies only what was committed: ${entry.index}`);
      assert.equal(entry.term, expected.term, `the same entry at index ${entry.index} everywhere`);
      assert.equal(text(entry), text(expected), `the same command at index ${entry.index} everywhere`);
      assert.equal(entry.index, (this.#applied.get(member.id) ?? 0) + 1, "applied in order, without a gap");
      this.#applied.set(member.id, entry.index);
    }
    for (const { id, index } of ready.readStates) {
      const read = this.#reads.get(id);
      assert.ok(
        read !== undefined && read.member === member.id && read.life === member.lives,
        `read ${id} is answered once`,
      );
      assert.ok(index >= read.floor, `read ${id} sees ${index}, but ${read.floor} was committed before it began`);
      this.#reads.delete(id);
      this.seen.reads++;
    }
    for (const id of ready.droppedReads) {
      assert.ok(this.#reads.delete(id), `read ${id} is dropped once`);
      this.seen.droppedReads++;
    }
    for (const id of ready.droppedProposals) this.#droppedProposals.add(`p${id}`);
  }

  #judgeLeader(member: TestMember, term: Term): void {
    const known = this.#leaders.get(term);
    assert.ok(known === undefined, `term ${term} has one leader: ${known} and ${member.id}`);
    this.#leaders.set(term, member.id);
    this.seen.elections++;
    assert.equal(member.disk.hardState.vote, member.id, "a leader's own vote is on its disk");
    for (const entry of this.#committed) {
      const own = member.view.entries[entry.index - 1];
      assert.equal(own?.term, entry.term, `the leader of term ${term} holds committed entry ${entry.index}`);
    }
  }

  /** One vote a term, and terms that never go back, on what is durable. */
  #checkDisk(member: TestMember): void {
    const { term, vote, commit } = member.disk.hardState;
    assert.ok(commit <= member.disk.entries.length, "the saved commit lies within the saved log");
    if (vote === 0n) return;
    const key = `${member.id}@${term}`;
    const earlier = this.#votes.get(key);
    assert.ok(earlier === undefined || earlier === vote, `${key} votes once`);
    this.#votes.set(key, vote);
  }

  /** Two logs that agree on one entry agree on all before it. */
  checkLogMatching(): void {
    for (const one of this.members) {
      for (const other of this.members) {
        let agreed = false;
        for (let at = Math.min(one.view.entries.length, other.view.entries.length) - 1; at >= 0; at--) {
          const [a, b] = [one.view.entries[at] as Entry, other.view.entries[at] as Entry];
          if (a.term === b.term) agreed = true;
          if (agreed)
            assert.deepEqual([a.term, text(a)], [b.term, text(b)], `logs match below an equal entry: ${at + 1}`);
        }
      }
    }
  }

  // ---------------------------------------------------------------------------------------------------------- liveness

  /** Ends all trouble, then demands progress: a leader, one more commit everywhere, an answer to every read. */
  heal(): void {
    this.#cut.clear();
    this.#network = [];
    for (const member of this.members) if (member.core === null) member.start();
    this.#settle(60);
    const leader = this.members.find((member) => member.core?.status.role === "leader");
    assert.ok(leader !== undefined, "a healed cluster has a leader");
    assert.equal(this.#reads.size, 0, "no read waits for ever");
    const last = this.members.map((member) => this.propose(member));
    const reads = this.members.map((member) => this.read(member));
    const answered = this.seen.reads;
    this.#settle(20);
    assert.equal(this.seen.reads, answered + reads.length, "a healed cluster answers reads");
    const commands = this.#committed.map(text).filter((command) => command !== "");
    for (const command of last) assert.ok(commands.includes(command), `a healed cluster commits ${command}`);
    assert.equal(new Set(commands).size, commands.length, "each proposal is committed at most once");
    for (const member of this.members) {
      assert.equal(this.#applied.get(member.id), this.#committed.length, `member ${member.id} applied everything`);
      assert.equal(member.core?.status.leader, leader.id, `member ${member.id} knows the leader`);
    }
  }

  /** Ticks everybody; between ticks, delivers and syncs everything in order. */
  #settle(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const member of this.members) member.step({ kind: "tick" });
      for (let busy = true; busy; ) {
        busy = false;
        for (const member of this.members) {
          if (this.#turn(member)) busy = true;
          if (member.unsynced.length > 0) busy = true;
          this.#sync(member, member.unsynced.length);
        }
        for (const message of this.#network.splice(0)) this.#hand(message);
      }
    }
  }
}
