/**
 * Members of one cluster in one process, in logical time: a clock that the test moves, a network it cuts, logs whose syncs it may
 * hold or fail. The members themselves are the real ones.
 */
import assert from "node:assert/strict";
import type { ClusterId, MemberId } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Clock, Timer } from "../../src/env/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import type { ClusterTransport, ClusterTransportHandler } from "../../src/env/transport.ts";
import { foundingOf } from "../../src/etcd/cluster/founding.ts";
import { foundingMember } from "../../src/etcd/cluster/members.ts";
import { Member } from "../../src/etcd/member.ts";
import type { MemberOptions } from "../../src/etcd/member-options.ts";
import type { ClusterMember, Message } from "../../src/etcd/model.ts";
import { Requests } from "../../src/etcd/requests.ts";
import type { MemberStorage } from "../../src/etcd/storage.ts";
import { ManualStorage } from "./manual-storage.ts";

export const HEARTBEAT_MS = 100;
export const ELECTION_MS = 1000;
/** etcd's: 5 s and two election time-outs. */
export const REQUEST_TIMEOUT_MS = 7000;

/** Of a snapshot on its way. */
const PIECE_BYTES = 100;

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** Time that stands still unless the test moves it. */
export class ManualClock implements Clock {
  nowMs = 1_000;
  #due: Due[] = [];
  #order = 0;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    const due = { atMs: this.nowMs + Math.max(delayMs, 0), order: this.#order++, action };
    this.#due.push(due);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== due);
      },
    };
  }

  /** The next timer up to `limitMs`, run at its time; false when there is none. */
  runNext(limitMs: number): boolean {
    const next = this.#due.filter((due) => due.atMs <= limitMs).sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
    if (next === undefined) return false;
    this.#due = this.#due.filter((other) => other !== next);
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.action();
    return true;
  }
}

export interface TestNode {
  readonly id: MemberId;
  member: Member;
  requests: Requests;
  log: ManualStorage;
  failure: Error | null;
  handler: ClusterTransportHandler<Message> | null;
  /** Whom its transport knows, and whom it refuses. */
  peers: ReadonlyMap<MemberId, readonly string[]>;
  removedPeers: ReadonlySet<MemberId>;
  /** The cluster has told it that it is removed. */
  isRemoved: boolean;
}

export function memberOf(id: MemberId): ClusterMember {
  return foundingMember(id, [`http://n${id}:2380`]);
}

/** Snapshots wait before they take the place of its state, until the returned function is called. */
export function holdInstall(node: TestNode): () => void {
  const held: (() => void)[] = [];
  const install = node.log.install.bind(node.log);
  node.log.install = async (record) => {
    await new Promise<void>((resolve) => void held.push(resolve));
    return install(record);
  };
  return () => {
    for (const release of held) release();
  };
}

export interface ClusterOptions {
  readonly quotaBytes?: number;
  readonly member?: Partial<MemberOptions>;
}

export class MemberCluster {
  readonly clock: ManualClock = new ManualClock();
  readonly nodes: TestNode[] = [];
  /** Every message sent, delivered or not. */
  readonly sent: Message[] = [];
  readonly #ids: readonly MemberId[];
  readonly #cut = new Set<string>();
  /** Snapshots break on their way. */
  breaksStreams = false;
  snapshotsTaken = 0;
  readonly #options: ClusterOptions;
  #soon: (() => void)[] = [];
  #lives = 0;

  constructor(size: number, options: ClusterOptions = {}) {
    this.#ids = Array.from({ length: size }, (_, i) => BigInt(i + 1) as MemberId);
    this.#options = options;
    for (const id of this.#ids) {
      const node = { id } as TestNode;
      this.nodes.push(node);
      this.#boot(node, null);
    }
  }

  /** One more, which knows nothing but whom it is to join; or what is in a storage of its own. */
  join(number: number, storage: MemberStorage | null = null): TestNode {
    const node = { id: BigInt(number) as MemberId } as TestNode;
    this.nodes.push(node);
    return this.#boot(node, null, storage);
  }

  /** It is gone for good, with its storage. */
  drop(node: TestNode): void {
    this.nodes.splice(this.nodes.indexOf(node), 1);
    node.handler = null;
    void node.member.stop().catch(() => {});
  }

  /** What can happen without time passing, up to so many steps of it. */
  async steps(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      this.#soon.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  node(index: number): TestNode {
    const node = this.nodes[index];
    assert.ok(node !== undefined, `node ${index} exists`);
    return node;
  }

  /** The node that leads, by its own account; the newest term's if several do. */
  leader(among: readonly TestNode[] = this.nodes): TestNode | null {
    const leaders = among.filter((node) => node.member.status.role === "leader");
    return leaders.sort((a, b) => b.member.status.term - a.member.status.term)[0] ?? null;
  }

  /** Everything that can happen without time passing happens. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const tasks = this.#soon;
      this.#soon = [];
      for (const task of tasks) task();
      quiet = tasks.length === 0 ? quiet + 1 : 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.clock.nowMs + ms;
    await this.settle();
    while (this.clock.runNext(endMs)) await this.settle();
    this.clock.nowMs = endMs;
  }

  /** Time passes until the condition holds; fails after a minute of it. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const limitMs = this.clock.nowMs + 60_000;
    await this.settle();
    while (!condition()) {
      assert.ok(this.clock.nowMs < limitMs, `waited a minute for: ${what}`);
      await this.advance(10);
    }
  }

  /** What a request comes to; time passes until then. */
  async answerTo<Answer>(asked: Promise<Answer> | Answer): Promise<Answer> {
    const seen: Answer[] = [];
    void Promise.resolve(asked).then((found) => seen.push(found));
    await this.until(() => seen.length > 0, "an answer");
    return seen[0] as Answer;
  }

  async serving(): Promise<TestNode> {
    await this.until(() => this.nodes.every((node) => node.member.isServing), "all members serve");
    const leader = this.leader();
    assert.ok(leader !== null, "members that serve have a leader");
    return leader;
  }

  /** Nothing passes between the node and the others any more. */
  isolate(node: TestNode): void {
    for (const { id: other } of this.nodes) {
      this.#cut.add(`${node.id}>${other}`);
      this.#cut.add(`${other}>${node.id}`);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** A crash and a start from what the disk holds. */
  restart(node: TestNode): void {
    node.log.crash();
    node.log.closed = true;
    void node.member.stop().catch(() => {});
    node.handler = null;
    this.#boot(node, node.log);
  }

  async stop(): Promise<void> {
    const stopping = Promise.all(this.nodes.map((node) => node.member.stop()));
    await this.settle();
    await stopping;
  }

  get #founders(): readonly ClusterMember[] {
    return this.#ids.map(memberOf);
  }

  #boot(node: TestNode, before: ManualStorage | null, own: MemberStorage | null = null): TestNode {
    const { id } = node;
    const soon = (action: () => void): unknown => this.#soon.push(action);
    const isFounder = this.#ids.includes(id);
    const log = new ManualStorage(this.clock, soon, isFounder ? foundingOf(this.#founders) : null, before);
    Object.assign(node, { log, failure: null, handler: null, isRemoved: false });
    this.#lives++;
    this.clock.nowMs += 1;
    node.member = new Member({
      identity: { cluster: 0xc1n as ClusterId, member: id },
      name: `n${id}`,
      clientUrls: [`http://n${id}:2379`],
      founders: isFounder ? this.#founders : [...this.#founders, memberOf(id)],
      heartbeatMs: HEARTBEAT_MS,
      electionMs: ELECTION_MS,
      requestMaxBytes: 1.5 * 1024 ** 2,
      startNumber: 1_700_000_000_000_000 + this.#lives * 1_000_000,
      storage: own ?? log,
      clock: this.clock,
      transport: this.#transport(id, node),
      trace: SILENT,
      prng: new Prng(this.#lives),
      soon: (turn) => this.#soon.push(turn),
      failed: (error) => {
        assert.equal(node.failure, null, "a member fails once");
        node.failure = error;
      },
      removed: () => {
        assert.ok(!node.isRemoved, "a member is removed once");
        node.isRemoved = true;
      },
      ...this.#options.member,
    });
    node.requests = new Requests(node.member, this.#options.quotaBytes ?? null);
    node.member.start();
    return node;
  }

  #transport(from: MemberId, node: TestNode): ClusterTransport<Message> {
    let open = true;
    const target = (to: MemberId): TestNode | null => {
      const found = this.nodes.find((other) => other.id === to);
      const passes = open && !this.#cut.has(`${from}>${to}`) && node.peers.has(to);
      return found !== undefined && passes ? found : null;
    };
    return {
      receive: (handler) => {
        if (open) node.handler = handler;
      },
      setPeers: (peers, removed) => {
        if (!open) return;
        node.peers = peers;
        node.removedPeers = removed;
      },
      send: (to, messages) => {
        this.sent.push(...messages);
        if (target(to) === null) return;
        this.#soon.push(() => {
          if (this.#cut.has(`${from}>${to}`)) return;
          const other = this.nodes.find(({ id }) => id === to);
          if (other?.removedPeers?.has(from)) node.handler?.removed();
          else other?.handler?.messages(from, messages);
        });
      },
      sendSnapshot: async (to, source) => {
        try {
          const sink = (await target(to)?.handler?.snapshot(from, source.header)) ?? null;
          if (sink === null) return false;
          for (let at = 0; at < source.bytes; at += PIECE_BYTES) {
            if (target(to) === null || this.breaksStreams) {
              await sink.discard();
              return false;
            }
            await sink.write(await source.read(at, PIECE_BYTES));
          }
          const isTaken = await sink.finish();
          if (isTaken) this.snapshotsTaken++;
          return isTaken;
        } finally {
          await source.close();
        }
      },
      request: async (to, request) => (await target(to)?.handler?.request(from, request)) ?? null,
      close: async () => {
        open = false;
      },
    };
  }
}
