/**
 * Members that hold the same leases and log, with as little raft as can be told the truth about: one of them leads, as a quorum would
 * say, whatever the others believe. What members say to each other goes out with `exchange` and comes in when they `run`; one that is
 * paused does neither, and finds all of it when it wakes up.
 */
import assert from "node:assert/strict";
import { type MemberId, NO_MEMBER, type Term } from "../../src/base/ids.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { Asks, type AsksHost } from "../../src/etcd/lease/asks.ts";
import { Leases } from "../../src/etcd/lease/leases.ts";
import { type LeaseCommand, Lessor, type LessorHost } from "../../src/etcd/lease/lessor.ts";

export const ELECTION_MS = 1000;
export const TIMEOUT_MS = 7000;

export interface Entry {
  readonly command: LeaseCommand | { readonly leaseGrant: { readonly id: bigint; readonly ttl: number } } | null;
  readonly term: Term;
  readonly committedMs: number;
}

/** Something on its way: what becomes of it out there, and what its sender then does. Null: it has no answer yet. */
interface Pending {
  readonly exchange: () => (() => void) | null;
}

export class Node {
  readonly id: MemberId;
  readonly leases: Leases = new Leases(new MemoryBuckets());
  readonly lessor: Lessor;
  readonly asks: Asks;
  isPaused = false;
  /** What it believes. */
  leader: MemberId = NO_MEMBER;
  term = 0 as Term;
  readonly #world: World;
  readonly outbox: Pending[] = [];
  readonly inbox: (() => void)[] = [];
  #applied = 0;

  constructor(world: World, id: MemberId) {
    this.#world = world;
    this.id = id;
    const nowMs = (): number => world.nowMs;
    const lessorHost: LessorHost = {
      nowMs,
      confirmLeadership: () => this.#confirm(),
      proposeAsLeader: (command, term) => this.#propose(command, term),
    };
    const asksHost: AsksHost = {
      self: id,
      nowMs,
      leader: () => this.leader,
      request: (to, request, timeoutMs) => this.#request(to, request, timeoutMs),
    };
    this.lessor = new Lessor(this.leases, lessorHost, ELECTION_MS);
    this.asks = new Asks(this.lessor, asksHost, { timeoutMs: TIMEOUT_MS, peerTimeoutMs: ELECTION_MS });
  }

  /** Applies what is committed, takes in what has come, and looks at the clock. */
  run(): void {
    if (this.isPaused) return;
    for (; this.#applied < this.#world.log.length; this.#applied++)
      this.#apply(this.#world.log[this.#applied] as Entry);
    for (const take of this.inbox.splice(0)) take();
    this.lessor.due(this.#world.nowMs);
    this.asks.due(this.#world.nowMs);
  }

  /** Learns who leads. */
  hear(): void {
    if (this.isPaused) return;
    this.term = this.#world.term;
    this.leader = this.#world.leader;
    if (this.leader === this.id) this.lessor.leaderSince(this.term);
    else this.lessor.follower();
  }

  get applied(): number {
    return this.#applied;
  }

  #apply({ command }: Entry): void {
    if (command === null) return;
    if ("leaseGrant" in command) this.leases.grant(command.leaseGrant.id, command.leaseGrant.ttl);
    else if (command.leaseRevoke) {
      if (this.leases.get(command.leaseRevoke.id) !== null) this.leases.revoke(command.leaseRevoke.id);
    } else
      for (const { id, remainingTtl } of command.leaseCheckpoint?.checkpoints ?? [])
        this.leases.checkpoint(id, remainingTtl);
  }

  /** A quorum answers while this member leads and more than half run; one that leads no more hears so. */
  #confirm(): Promise<Term | null> {
    const { term } = this;
    return new Promise((resolve) => {
      const exchange = (): (() => void) | null => {
        if (!this.#world.isLeader(this.id, term)) return () => resolve(null);
        return this.#world.hasQuorum() ? () => resolve(term) : null;
      };
      this.outbox.push({ exchange });
    });
  }

  #propose(command: LeaseCommand, term: Term): Promise<boolean> {
    return new Promise((resolve) => {
      const exchange = (): (() => void) | null => {
        if (!this.#world.isLeader(this.id, term)) return () => resolve(false);
        if (!this.#world.hasQuorum()) return null;
        this.#world.commit(command);
        return () => resolve(true);
      };
      this.outbox.push({ exchange });
    });
  }

  #request(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    const untilMs = this.#world.nowMs + timeoutMs;
    return new Promise((resolve) => {
      let sent = false;
      let reply: Uint8Array | null = null;
      const ask = (): void => {
        void this.#world
          .node(to)
          .asks.answer(request)
          .then((bytes) => {
            reply = bytes;
          });
      };
      const exchange = (): (() => void) | null => {
        if (!sent) this.#world.node(to).inbox.push(ask);
        sent = true;
        if (reply !== null) return () => resolve(reply);
        return this.#world.nowMs >= untilMs ? () => resolve(null) : null;
      };
      this.outbox.push({ exchange });
    });
  }
}

export class World {
  nowMs = 1_000_000;
  term = 1 as Term;
  leader: MemberId = 1n as MemberId;
  readonly log: Entry[] = [];
  readonly nodes: readonly Node[];

  constructor(size: number) {
    this.nodes = Array.from({ length: size }, (_, i) => new Node(this, BigInt(i + 1) as MemberId));
    this.commit(null);
    for (const node of this.nodes) node.hear();
  }

  node(id: MemberId | number): Node {
    const node = this.nodes[Number(id) - 1];
    assert.ok(node !== undefined, `node ${id} exists`);
    return node;
  }

  isLeader(id: MemberId, term: Term): boolean {
    return id === this.leader && term === this.term;
  }

  hasQuorum(): boolean {
    return this.nodes.filter(({ isPaused }) => !isPaused).length * 2 > this.nodes.length;
  }

  commit(command: Entry["command"]): void {
    this.log.push({ command, term: this.term, committedMs: this.nowMs });
  }

  grant(id: bigint, ttl: number): void {
    this.commit({ leaseGrant: { id, ttl } });
  }

  /** A quorum has another leader; who hears of it, and when, is another matter. */
  elect(id: MemberId | number): void {
    this.term = (this.term + 1) as Term;
    this.leader = BigInt(id) as MemberId;
    this.commit(null);
  }

  /** What was sent meets the world as it is now. */
  async exchange(): Promise<void> {
    for (const node of this.nodes) {
      for (const pending of node.outbox.splice(0)) {
        const take = pending.exchange();
        if (take === null) node.outbox.push(pending);
        else node.inbox.push(take);
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  async run(): Promise<void> {
    for (const node of this.nodes) node.run();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everything that can happen without time passing, or nearly: what is asked again waits for a later turn. */
  async settle(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await this.run();
      await this.exchange();
    }
    await this.run();
  }

  /** Time passes as it does when all is well: everybody who is not paused hears and says everything at once. */
  async pass(ms: number, stepMs = 100): Promise<void> {
    for (const endMs = this.nowMs + ms; ; this.nowMs = Math.min(endMs, this.nowMs + stepMs)) {
      for (const node of this.nodes) node.hear();
      await this.settle();
      if (this.nowMs >= endMs) return;
    }
  }

  /** When the lease was gone for everybody, or null. */
  revokedMs(id: bigint): number | null {
    const entry = this.log.find(
      ({ command }) => command !== null && "leaseRevoke" in command && command.leaseRevoke?.id === id,
    );
    return entry?.committedMs ?? null;
  }
}
