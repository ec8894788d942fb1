import assert from "node:assert/strict";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Change, Configuration, Entry, LogBase, Message, Ready } from "../../src/etcd/model.ts";
import { decodeConfigEntry } from "../../src/etcd/raft/configuration.ts";
import { CORRECT, type RaftDecisions } from "../../src/etcd/raft/decisions.ts";
import { majority } from "../../src/etcd/raft/quorum.ts";
import { TestMember, type TestMemberOptions } from "./test-member.ts";

/** How much of each trouble one seed brings; some seeds leave some of it out altogether. */
interface Troubles {
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: boolean;
  readonly crash: number;
  readonly restart: number;
  readonly partition: number;
  readonly unreachable: number;
  readonly slowSync: number;
  readonly tick: number;
  readonly compact: number;
  readonly change: number;
  readonly transfer: number;
  /** How many new leaders are soon cut off or crash: what they have begun lies about in several logs (P figure 8). */
  readonly assassin: number;
}

/** A file on its way to a follower. */
interface Stream {
  readonly from: TestMember;
  readonly life: number;
  readonly to: MemberId;
  readonly snapshot: LogBase;
}

interface PendingRead {
  /** The highest commit index known anywhere when the read began. */
  readonly floor: number;
  readonly member: MemberId;
  readonly life: number;
}

const text = (entry: Entry): string => (entry.kind === "config" ? "" : Buffer.from(entry.data).toString());
const NEWCOMERS_MAX = 3;

/**
 * A cluster in memory whose network and disks misbehave as one seed says, and a judge that looks at every Ready and every
 * commit. It holds the promises of Raft's figure 3 and of D3 and D4 against what it sees.
 */
export class RandomCluster {
  readonly members: TestMember[] = [];
  readonly #prng: Prng;
  readonly #troubles: Troubles;
  #network: Message[] = [];
  #streams: Stream[] = [];
  readonly #options: Omit<TestMemberOptions, "id" | "voters">;
  readonly #founders: readonly MemberId[];
  /** Members that have applied their own removal: stopped for good. */
  readonly #retired = new Set<MemberId>();
  #isHealing = false;
  #doomed: { readonly member: TestMember; steps: number } | null = null;
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
  readonly seen = {
    elections: 0,
    commits: 0,
    reads: 0,
    droppedReads: 0,
    crashes: 0,
    truncations: 0,
    forwarded: 0,
    compactions: 0,
    snapshots: 0,
    staleSnapshots: 0,
    changes: 0,
    retirements: 0,
    transfers: 0,
    transferred: 0,
  };

  constructor(seed: number, decisions: Partial<RaftDecisions> = {}) {
    this.#prng = new Prng(seed);
    const count = this.#prng.pick([1, 2, 3, 3, 3, 4, 5, 5]);
    const maybe = (share: number): number => (this.#prng.float() < 0.5 ? 0 : this.#prng.float() * share);
    this.#troubles = {
      drop: maybe(0.3),
      duplicate: maybe(0.3),
      reorder: this.#prng.float() < 0.5,
      crash: maybe(0.01),
      restart: this.#prng.pick([0.05, 0.05, 0.005]),
      partition: maybe(0.01),
      unreachable: maybe(0.02),
      slowSync: this.#prng.float(),
      tick: this.#prng.pick([0.1, 0.3, 0.6]),
      compact: maybe(0.03),
      change: maybe(0.03),
      transfer: maybe(0.02),
      assassin: this.#prng.float() < 0.7 ? 0 : this.#prng.float(),
    };
    const limits = {
      appendBytes: this.#prng.pick([1, 20, 1 << 20]),
      windowAppends: this.#prng.pick([1, 2, 64]),
      uncommittedBytes: this.#prng.pick([60, 1 << 20]),
      waitingReads: this.#prng.pick([2, 1000]),
    };
    const electionTicks = 5 + this.#prng.below(8);
    const heartbeatTicks = 1 + this.#prng.below(2);
    this.#options = { seed, electionTicks, heartbeatTicks, limits, decisions: { ...CORRECT, ...decisions } };
    this.#founders = Array.from({ length: count }, (_, i) => BigInt(i + 1) as MemberId);
    for (const id of this.#founders) {
      this.members.push(new TestMember({ id, voters: this.#founders, ...this.#options }));
    }
  }

  /** Trouble for `steps` steps. */
  run(steps: number): void {
    this.#isHealing = false;
    for (let i = 0; i < steps; i++) this.#randomStep();
  }

  #randomStep(): void {
    const member = this.#prng.pick(this.members);
    const { crash, restart, partition, unreachable, slowSync, tick } = this.#troubles;
    if (this.#prng.float() < partition) this.#changePartition();
    if (this.#prng.float() < 0.2) this.#stream();
    this.#assassinate();
    if (member.core === null) {
      if (this.#prng.float() < restart && !this.#retired.has(member.id)) member.start();
      return;
    }
    this.#reorganise(member);
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
    member.crash(this.#prng.below(member.unsynced.length + 1), this.#prng.below(3));
    this.#forgetReads(member);
    this.#applied.set(member.id, member.disk.base.index);
    this.#checkDisk(member);
  }

  /** A new leader proposes, and then: nothing of it leaves and it crashes; or it crashes when it has committed; or at any time. */
  #doom(member: TestMember): void {
    this.propose(member);
    const when = this.#prng.pick(["alone", "at commit", "later"] as const);
    if (when === "alone") {
      this.#isolate(member);
      this.#network = this.#network.filter(({ from }) => from !== member.id);
    }
    this.#doomed = { member, steps: when === "at commit" ? Number.POSITIVE_INFINITY : this.#prng.below(40) };
  }

  #assassinate(): void {
    const doomed = this.#doomed;
    if (doomed === null || doomed.steps-- > 0) return;
    this.#doomed = null;
    this.#cut.clear();
    if (doomed.member.core !== null) this.#crash(doomed.member);
  }

  #forgetReads(member: TestMember): void {
    for (const [id, read] of this.#reads) if (read.member === member.id) this.#reads.delete(id);
  }

  /** Perhaps forgets a part of the log, changes the membership, or asks for another leader. */
  #reorganise(member: TestMember): void {
    const { compact, change, transfer } = this.#troubles;
    const { applied, baseIndex, role } = member.running.status;
    if (this.#prng.float() < compact && applied > baseIndex) {
      member.compact((baseIndex + 1 + this.#prng.below(applied - baseIndex)) as LogIndex);
      this.seen.compactions++;
    }
    if (this.#prng.float() < change) {
      member.step({ kind: "change", id: ++this.#ids, change: this.#drawChange(), context: Buffer.from("why") });
    }
    if (this.#prng.float() < transfer) {
      const target = this.#prng.pick(this.members).id;
      member.step({ kind: "transfer", target });
      if (role === "leader" && member.running.status.transferee === target) this.seen.transfers++;
    }
    this.#afterStep(member);
  }

  /** A member that was removed never comes back: its id is used up. */
  #drawChange(): Change {
    const kind = this.#prng.pick(["add-voter", "add-learner", "promote", "promote", "remove", "update"] as const);
    if (kind === "promote" || kind === "remove") return { kind, member: this.#prng.pick(this.members).id };
    const unused = this.members.filter(({ id }) => !this.#founders.includes(id) && !this.#wasNamed(id));
    if (unused.length > 0) return { kind, member: this.#prng.pick(unused).id };
    if (this.members.length - this.#founders.length >= NEWCOMERS_MAX) return { kind: "remove", member: 1n as MemberId };
    const id = BigInt(this.members.length + 1) as MemberId;
    this.members.push(new TestMember({ id, voters: [], ...this.#options }));
    return { kind, member: id };
  }

  /** Whether a committed configuration, up to an index, ever had this newcomer. */
  #wasNamed(id: MemberId, index = this.#committed.length): boolean {
    const changes = this.#committed.slice(0, index).filter((entry) => entry.kind === "config");
    return changes.some((entry) => isNamed(decodeConfigEntry(entry).configuration, id));
  }

  /** The oldest stream ends: it breaks, or its file arrives, and perhaps once more later. */
  #stream(): void {
    const stream = this.#streams.shift();
    if (stream !== undefined) this.#endStream(stream, this.#prng.float() < 0.7, this.#prng.float() < 0.2);
  }

  #endStream(stream: Stream, arrives: boolean, again: boolean): void {
    const { from, life, to, snapshot } = stream;
    const target = this.members[Number(to) - 1] as TestMember;
    const taken = arrives && target.core !== null && !this.#cut.has(`${from.id}>${to}`);
    if (taken) {
      if (snapshot.index <= target.running.status.committed) this.seen.staleSnapshots++;
      target.step({ kind: "snapshot-received", snapshot });
      this.#turn(target);
    }
    if (from.core !== null && from.lives === life) {
      from.step({ kind: "snapshot-sent", peer: to, index: taken ? snapshot.index : null });
    }
    if (again) this.#streams.push({ ...stream, life: -1 });
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
    if (this.#doomed?.member === member && this.#doomed.steps <= 0) this.#assassinate();
    if (member.core === null) return false;
    const before = member.view.lastIndex;
    const turn = member.turn();
    if (turn === null) return false;
    const first = turn.ready.entriesToPersist[0];
    if (first !== undefined && first.index <= before) this.seen.truncations++;
    this.#send(turn.leaving);
    for (const to of turn.ready.snapshotsToSend) {
      const { applied } = member.running.status;
      const snapshot = member.running.baseAt(applied);
      assert.ok(snapshot !== null, "the state that is applied has a place in the log");
      this.#streams.push({ from: member, life: member.lives, to, snapshot });
    }
    for (const message of turn.leaving) if (message.kind === "timeout-now") this.#judgeTransfer(member, message.to);
    this.#judge(member, turn.ready);
    this.#retire(member);
    return true;
  }

  /** A driver stops its member when it has applied its removal. */
  #retire(member: TestMember): void {
    const applied = this.#applied.get(member.id) ?? 0;
    if (isNamed(this.#configurationAt(applied), member.id)) return;
    // One that is to join may apply what was before it was added.
    if (!this.#founders.includes(member.id) && !this.#wasNamed(member.id, applied)) return;
    this.seen.retirements++;
    this.#retired.add(member.id);
    this.#forgetReads(member);
    member.crash(member.unsynced.length);
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
    const before = this.#committed.length;
    for (let index = this.#committed.length + 1; index <= status.committed; index++) {
      const entry = member.view.entryAt(index);
      assert.ok(entry !== null, "a leader holds what it commits");
      // A single voter decides alone that another decides with it from then on.
      const alone = this.#configurationAt(index - 1).voters;
      const voters = alone.length === 1 ? alone : status.configuration.voters;
      const holders = voters.filter((id) => this.members[Number(id) - 1]?.disk.holds(entry));
      assert.ok(holders.length >= majority(voters.length), `entry ${index} is on the disks of a majority`);
      assert.ok(!this.#droppedProposals.has(text(entry)), `a dropped proposal is not committed: ${text(entry)}`);
      if (entry.kind === "config") this.#judgeChange(entry);
      this.#committed.push(entry);
      this.seen.commits++;
    }
    // Before its next turn, which would send what follows.
    if (this.#committed.length > before && this.#doomed?.member === member) this.#doomed.steps = 0;
  }

  /** Committed configurations differ by one step. */
  #judgeChange(entry: Entry): void {
    this.seen.changes++;
    const before = this.#configurationAt(this.#committed.length);
    const after = decodeConfigEntry(entry).configuration;
    const moved = (from: readonly MemberId[], to: readonly MemberId[]): number =>
      from.filter((id) => !to.includes(id)).length;
    assert.ok(moved(before.voters, after.voters) + moved(after.voters, before.voters) <= 1, "one voter at a time");
    assert.ok(after.voters.length > 0, "somebody decides");
  }

  /** What the committed log says of the members as of an index. */
  #configurationAt(index: number): Configuration {
    const last = this.#committed.slice(0, index).findLast((entry) => entry.kind === "config");
    return last === undefined ? { voters: this.#founders, learners: [] } : decodeConfigEntry(last).configuration;
  }

  /** Who is asked to take over has all that the leader has. */
  #judgeTransfer(leader: TestMember, target: MemberId): void {
    this.seen.transferred++;
    const last = leader.view.entryAt(leader.view.lastIndex);
    const holds = last === null || this.members[Number(target) - 1]?.disk.holds(last) === true;
    assert.ok(holds, `member ${target} is asked to take over and lacks entry ${last?.index}`);
  }

  #judgeSnapshot(member: TestMember, snapshot: LogBase): void {
    this.seen.snapshots++;
    assert.equal(snapshot.term, this.#committed[snapshot.index - 1]?.term, "a snapshot is of what was committed");
    assert.deepEqual(snapshot.configuration, this.#configurationAt(snapshot.index), "and names the members as of then");
    assert.ok(snapshot.index > (this.#applied.get(member.id) ?? 0), "a snapshot never goes back");
    this.#applied.set(member.id, snapshot.index);
  }

  #judge(member: TestMember, ready: Ready): void {
    this.#afterStep(member);
    if (ready.leadership?.role === "leader") this.#judgeLeader(member, ready.leadership.term);
    if (ready.snapshot !== null) this.#judgeSnapshot(member, ready.snapshot);
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
    if (!this.#isHealing && this.#prng.float() < this.#troubles.assassin) this.#doom(member);
    this.seen.elections++;
    assert.equal(member.disk.hardState.vote, member.id, "a leader's own vote is on its disk");
    for (const entry of this.#committed) {
      assert.ok(member.view.holds(entry), `the leader of term ${term} holds committed entry ${entry.index}`);
    }
  }

  /** One vote a term, and terms that never go back, on what is durable. */
  #checkDisk(member: TestMember): void {
    const { term, vote, commit } = member.disk.hardState;
    assert.ok(commit <= member.disk.lastIndex, "the saved commit lies within the saved log");
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
        const first = Math.max(one.view.base.index, other.view.base.index) + 1;
        for (let at = Math.min(one.view.lastIndex, other.view.lastIndex); at >= first; at--) {
          const [a, b] = [one.view.entryAt(at) as Entry, other.view.entryAt(at) as Entry];
          if (a.term === b.term) agreed = true;
          if (agreed) assert.deepEqual([a.term, text(a)], [b.term, text(b)], `logs match below an equal entry: ${at}`);
        }
      }
    }
  }

  // ---------------------------------------------------------------------------------------------------------- liveness

  /** Ends all trouble, then demands progress: a leader, one more commit everywhere, an answer to every read. */
  heal(): void {
    this.#cut.clear();
    this.#doomed = null;
    this.#isHealing = true;
    this.#network = [];
    for (const member of this.members) if (member.core === null && !this.#retired.has(member.id)) member.start();
    this.#settle(80);
    const leader = this.members.find((member) => member.core?.status.role === "leader");
    assert.ok(leader !== undefined, "a healed cluster has a leader");
    assert.equal(this.#reads.size, 0, "no read waits for ever");
    const { configuration } = leader.running.status;
    const named = this.members.filter((member) => isNamed(configuration, member.id));
    const last = named.map((member) => this.propose(member));
    const reads = named.map((member) => this.read(member));
    const answered = this.seen.reads;
    this.#settle(20);
    assert.equal(this.seen.reads, answered + reads.length, "a healed cluster answers reads");
    const commands = this.#committed.map(text).filter((command) => command !== "");
    for (const command of last) assert.ok(commands.includes(command), `a healed cluster commits ${command}`);
    assert.equal(new Set(commands).size, commands.length, "each proposal is committed at most once");
    for (const member of named) {
      assert.equal(this.#applied.get(member.id), this.#committed.length, `member ${member.id} applied everything`);
      assert.equal(member.core?.status.leader, leader.id, `member ${member.id} knows the leader`);
      assert.deepEqual(member.core?.status.configuration, configuration, `member ${member.id} knows the members`);
    }
  }

  /** Ticks everybody; between ticks, delivers and syncs everything in order. */
  #settle(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const member of this.members) if (member.core !== null) member.step({ kind: "tick" });
      for (let busy = true; busy; ) {
        busy = false;
        for (const stream of this.#streams.splice(0)) this.#endStream(stream, true, false);
        for (const member of this.members) {
          if (member.core === null) continue;
          if (this.#turn(member)) busy = true;
          if (member.unsynced.length > 0) busy = true;
          this.#sync(member, member.unsynced.length);
        }
        for (const message of this.#network.splice(0)) this.#hand(message);
      }
    }
  }
}

function isNamed({ voters, learners }: Configuration, id: MemberId): boolean {
  return voters.includes(id) || learners.includes(id);
}
