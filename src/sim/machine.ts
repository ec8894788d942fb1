/**
 * One machine: a disk and clocks that last, and a process that comes and goes. The process is the production member on a
 * production log; all that reaches it passes `run`, which knows whether it lives, and whether it is paused.
 */
import type { ClusterId, MemberId } from "../base/ids.ts";
import type { Prng } from "../base/prng.ts";
import type { Trace } from "../env/trace.ts";
import type { ClusterTransport, ClusterTransportHandler } from "../env/transport.ts";
import { openMemoryBackend } from "../etcd/backend/memory.ts";
import { foundingOf } from "../etcd/cluster/founding.ts";
import { foundingMember } from "../etcd/cluster/members.ts";
import { LeaseRequests } from "../etcd/lease-requests.ts";
import { Member } from "../etcd/member.ts";
import type { MemberOptions } from "../etcd/member-options.ts";
import type { ClusterMember, Configuration, Identity, Message } from "../etcd/model.ts";
import { Requests } from "../etcd/requests.ts";
import { type MemberStorage, openStorage, storageWith } from "../etcd/storage.ts";
import { takeStartNumber } from "../etcd/wal/start-number.ts";
import type { AppendDone } from "../etcd/wal/wal.ts";
import { MachineClock } from "./clock.ts";
import { isDiskError, MachineDisk } from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import { LogCuts } from "./log-cuts.ts";
import type { Breakage, Door } from "./model.ts";
import type { Network } from "./network.ts";
import type { NetworkPort, NetworkProcess } from "./streams.ts";
import { machineName, machineOf, memberId, type World } from "./world.ts";

const CLUSTER = 0xfa017n as ClusterId;
const REQUEST_MAX_BYTES = 1536 * 1024;
/** Less than usual: a power cut tears it into sectors. */
const PREALLOCATE_BYTES = 16 * 1024;
/** How soon a turn follows what asked for it. */
const TURN_US = 20;
/** A supervisor starts again what ended by itself. */
const RESTART_MEAN_US = 500_000;

export interface MachineParts {
  readonly world: World;
  readonly ledger: Ledger;
  readonly network: () => Network;
  readonly breakage: Breakage;
}

/** One life of the process. */
export class Process implements NetworkProcess {
  alive = true;
  paused = false;
  /** What came due while it was paused. */
  readonly deferred: (() => void)[] = [];
  /** Told when the process is gone. */
  readonly onEnd: Set<() => void> = new Set();
  handler: ClusterTransportHandler<Message> | null = null;
  peers: ReadonlyMap<MemberId, readonly string[]> | null = null;
  readonly heardOf: Set<MemberId> = new Set();
  removed: ReadonlySet<MemberId> = new Set();
  /** Null until they are open. */
  storage: MemberStorage | null = null;
  member: Member | null = null;
  door: Door | null = null;
}

export class Machine implements NetworkPort {
  readonly name: string;
  readonly number: number;
  readonly disk: MachineDisk;
  readonly clock: MachineClock;
  readonly cuts: LogCuts;
  readonly addresses: Set<string>;
  readonly #parts: MachineParts;
  readonly #chance: Prng;
  #process: Process | null = null;
  /** The member may be another after the event that is running: it changes in its turns and when a sync has returned. */
  #touched = false;
  #restartAfterUs: number | null = null;
  /** Whom it is told of as the cluster's members; null: it has no part in anything yet. */
  #told: readonly ClusterMember[] | null = null;
  #isRetired = false;

  constructor(number: number, parts: MachineParts) {
    const { world } = parts;
    const { scenario, scheduler } = world;
    this.number = number;
    this.name = machineName(number);
    this.addresses = new Set([`http://${this.name}:2380`]);
    if (number < scenario.members) this.#told = foundersOf(scenario.members);
    this.#parts = parts;
    this.#chance = world.chance(`machine ${number}`);
    this.cuts = new LogCuts(scenario.cuts);
    this.disk = new MachineDisk(scenario.disk, scheduler, world.chance(`disk ${number}`));
    this.clock = new MachineClock(scheduler, scenario.clockRates[number] ?? 1);
  }

  get process(): Process | null {
    return this.#process;
  }

  get member(): Member | null {
    return this.#process?.member ?? null;
  }

  get isServing(): boolean {
    return this.#process?.paused === false && this.#process.member?.isServing === true;
  }

  get storage(): MemberStorage | null {
    return this.#process?.storage ?? null;
  }

  /** Whether it was ever meant to belong to the cluster. */
  get isKnown(): boolean {
    return this.#told !== null;
  }

  /** Whether it is switched off for good. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Under which it is to be found; older ones still are. */
  get address(): string {
    return [...this.addresses].at(-1) as string;
  }

  /** Runs a step in this life of the process: now, when it goes on, or never. */
  run(process: Process, action: () => void): void {
    if (!process.alive) return;
    if (process.paused) {
      process.deferred.push(action);
      return;
    }
    this.#parts.world.attempt(this.name, action);
  }

  /** After each event: what must hold of this member. */
  observe(): void {
    if (!this.#touched) return;
    this.#touched = false;
    const member = this.#process?.member;
    if (member != null) this.#parts.ledger.observe(this.number, member, this.#stored());
  }

  #stored(): number {
    return this.#process?.storage?.buffer.durableBase?.index ?? 0;
  }

  // --------------------------------------------------------------------------------------------------------------- life

  /** It will start as one that is to join these. */
  joins(others: readonly Machine[]): void {
    const all = [...others, this];
    this.#told ??= all.map((machine) => foundingMember(memberId(machine.number), [machine.address]));
  }

  /** It listens under one more address, which is the one to be known. */
  move(): void {
    this.addresses.add(`http://${this.name}:${2380 + this.addresses.size}`);
  }

  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#process !== null) this.crash("kill");
  }

  start(): void {
    if (this.#process !== null || this.#isRetired || !this.isKnown) return;
    const process = new Process();
    this.#process = process;
    this.#parts.world.tell(this.name, () => "starts");
    void this.#open(process).catch((error: unknown) => this.#startFailed(process, error));
  }

  /** It is gone at once; `power` says whether what was written and not synced is at risk. */
  crash(how: "kill" | "power"): void {
    if (this.#process === null) return;
    if (how === "power") {
      const lost = this.disk.powerCut();
      this.#parts.world.tell(this.name, () => `loses power, and ${lost} pieces of what was not synced`);
      if (lost > 0) this.#parts.world.count("power cuts that lost writes");
    } else this.#parts.world.tell(this.name, () => "is killed");
    this.#gone();
  }

  /** In good order; a paused or starting process is killed instead. */
  stop(): void {
    const process = this.#process;
    if (process?.member == null || process.paused) {
      this.crash("kill");
      return;
    }
    this.#parts.world.tell(this.name, () => "stops");
    const { member } = process;
    this.run(process, () => {
      void member.stop().then(() => {
        if (process.alive) this.#gone();
      });
    });
  }

  pause(): void {
    if (this.#process === null || this.#process.paused) return;
    this.#parts.world.tell(this.name, () => "is paused");
    this.#process.paused = true;
  }

  /** What came due meanwhile comes in seeded order. */
  resume(): void {
    const process = this.#process;
    if (process === null || !process.paused) return;
    const waiting = process.deferred.splice(0);
    this.#parts.world.tell(this.name, () => `goes on, with ${waiting.length} things waiting`);
    process.paused = false;
    for (let last = waiting.length - 1; last > 0; last--) {
      const other = this.#chance.below(last + 1);
      [waiting[last], waiting[other]] = [waiting[other] as () => void, waiting[last] as () => void];
    }
    for (const action of waiting) this.#parts.world.scheduler.after(1, () => this.run(process, action));
  }

  #changes(step: () => void): void {
    this.#touched = true;
    step();
  }

  #gone(): void {
    const process = this.#process;
    if (process === null) return;
    process.alive = false;
    this.#process = null;
    for (const tell of process.onEnd) tell();
    this.#parts.network().closed(this.number);
  }

  /** The process ended by itself; whoever supervises it starts it again. */
  #ends(reason: string): void {
    this.#parts.world.tell(this.name, () => `ends: ${reason}`);
    this.#gone();
    this.#restartAfterUs = 100_000 + this.#chance.exponential(RESTART_MEAN_US);
    this.#parts.world.scheduler.after(this.#restartAfterUs, () => this.start());
  }

  /** The process knows, and ends; so does the machine. */
  #removed(): void {
    const { ledger, world } = this.#parts;
    world.check(!ledger.isMember(memberId(this.number)), "members disagree", () => {
      return `${this.name} leaves as if it were removed, and it is not`;
    });
    world.count("members that knew they were removed");
    world.tell(this.name, () => "leaves: it is removed");
    this.retire();
  }

  #startFailed(process: Process, error: unknown): void {
    if (!process.alive) return;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (isDiskError(error)) this.#ends(text);
    else this.#parts.world.fail("restart", `${this.name} does not start: ${text}`);
  }

  async #open(process: Process): Promise<void> {
    const { world, ledger, breakage } = this.#parts;
    const run = (action: () => void): void => this.run(process, action);
    const identity: Identity = { cluster: CLUSTER, member: memberId(this.number) };
    const real = this.disk.forProcess(run);
    const disk = breakage.disk?.(real) ?? real;
    const clock = this.clock.forProcess(run);
    const founders = this.#told ?? [];
    const opened = await openStorage({
      disk,
      identity,
      founding: this.number < world.scenario.members ? foundingOf(founders) : null,
      clock,
      openBackend: (name) => openMemoryBackend(disk, name),
      failed: (error) => process.member?.fail(error),
      segmentMaxBytes: world.scenario.disk.segmentMaxBytes,
      preallocateBytes: PREALLOCATE_BYTES,
      commitMs: world.scenario.cuts.commitMs,
    });
    const startNumber = await takeStartNumber(disk, this.clock.wallMs());
    if (opened.repaired !== null) {
      world.count("torn ends repaired");
      world.tell(this.name, () => `repairs the torn end of its log: ${opened.repaired?.droppedBytes} bytes`);
    }
    if (opened.existed) world.count("restarts");
    const healthy = this.#options(process, { identity, founders, clock, startNumber, storage: this.#storage(opened) });
    const options = this.cuts.within(breakage.member?.(healthy) ?? healthy);
    process.storage = opened;
    ledger.restarted(this.number, options.storage);
    ledger.storeFound(this.number, opened.buffer, opened.buffer.durableBase?.index ?? 0);
    const member = new Member(options);
    const requests = new Requests(member, null);
    process.member = member;
    const { electionMs } = options;
    process.door = {
      kv: breakage.requests?.(requests) ?? requests,
      leases: new LeaseRequests(breakage.lessor?.(member) ?? member, {
        clock,
        electionMs,
        checkpointSeconds: world.scenario.leases?.checkpointSeconds ?? 300,
        spaceRefusal: () => null,
      }),
      maintenance: requests,
    };
    member.start();
    void member.serving.then(() => world.tell(this.name, () => "serves"));
  }

  #options(
    process: Process,
    own: Pick<MemberOptions, "identity" | "founders" | "clock" | "startNumber" | "storage">,
  ): MemberOptions {
    const { world } = this.#parts;
    const { scenario, scheduler } = world;
    const run = (action: () => void): void => this.run(process, action);
    return {
      ...own,
      name: this.name,
      clientUrls: [`http://${this.name}:2379`],
      heartbeatMs: scenario.heartbeatMs,
      electionMs: scenario.electionMs,
      requestMaxBytes: REQUEST_MAX_BYTES,
      transport: this.#transport(process),
      trace: this.#trace(),
      prng: this.#chance.fork(),
      raftLimits: scenario.limits,
      soon: (turn) => void scheduler.after(this.#chance.below(TURN_US) + 1, () => run(() => this.#changes(turn))),
      removed: () => this.#removed(),
      failed: (error) => {
        if (!isDiskError(error)) {
          world.fail("assertion", `${this.name}: the log failed: ${error.message}`);
          return;
        }
        // After a failed sync nobody knows what the disk holds, so power goes as well.
        if (error.message.startsWith("EIO")) this.disk.powerCut();
        this.#ends(error.message);
      },
    };
  }

  #transport(process: Process): ClusterTransport<Message> {
    const network = this.#parts.network();
    return {
      send: (to, messages) => {
        if (process.alive) network.send(this.number, machineOf(to), messages);
      },
      receive: (handler) => {
        process.handler = handler;
      },
      setPeers: (peers, removed) => {
        process.peers = peers;
        process.removed = removed;
      },
      sendSnapshot: (to, source) => network.sendSnapshot(this.number, machineOf(to), source),
      request: (to, request, timeoutMs) => network.request(this.number, machineOf(to), request, timeoutMs),
      close: async () => {
        process.handler = null;
      },
    };
  }

  /** The member's own storage, its books kept. */
  #storage(storage: MemberStorage): MemberStorage {
    const { ledger, world } = this.#parts;
    const synced = (done: AppendDone): AppendDone => {
      return (error) => {
        if (error === null) ledger.synced(this.number);
        world.attempt(this.name, () => this.#changes(() => done(error)));
      };
    };
    return storageWith(storage, {
      append: (batch, done) => {
        ledger.handedOver(this.number, { snapshot: null, ...batch });
        storage.append(batch, synced(done));
      },
      compact: (before, done) => {
        const base = storage.compact(before, synced(done));
        if (base === null) return null;
        this.cuts.cut(world, this.#circumstances());
        ledger.handedOver(this.number, { snapshot: { kind: "made", base }, hardState: null, entries: [] });
        return base;
      },
      install: async (record) => {
        ledger.installing(this.number, record.base);
        world.tell(this.name, () => `installs a snapshot of entry ${record.base.index}`);
        await storage.install(record);
        world.count("snapshots installed");
      },
    });
  }

  /** In the middle of which a cut is of interest. */
  #circumstances(): Readonly<Record<string, boolean>> {
    const { ledger, network } = this.#parts;
    const member = this.#process?.member;
    return {
      "on a leader": member?.status.role === "leader",
      "beside a snapshot on its way": network().isStreaming(this.number),
      "during a change of the membership":
        member != null && textOf(member.configuration) !== textOf(ledger.configuration),
      "before it serves": member?.isServing !== true,
    };
  }

  #trace(): Trace {
    const { world } = this.#parts;
    const tell = (message: string, fields: object = {}): void => {
      if (message === "raft state changed" && "role" in fields) world.count(`became ${String(fields.role)}`);
      world.tell(this.name, () => `says: ${message} ${JSON.stringify(fields)}`);
    };
    return { debug: () => {}, info: tell, warn: tell, error: tell };
  }
}

function textOf({ voters, learners }: Configuration): string {
  return `${voters.join()} ${learners.join()}`;
}

function foundersOf(count: number): readonly ClusterMember[] {
  return Array.from({ length: count }, (_, i) => foundingMember(memberId(i), [`http://${machineName(i)}:2380`]));
}
