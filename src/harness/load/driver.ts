import { assert } from "../../base/assert.ts";
import type { Prng } from "../../base/prng.ts";
import type { Clock } from "../../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../../env/streams.ts";
import { RangeRequest, type RangeResponse } from "../../proto/gen/etcdserverpb.ts";
import { KV } from "../../proto/gen/rpc.ts";
import { Recorder } from "../history/recorder.ts";
import type { RunEvent } from "../model/events.ts";
import { FINAL_PHASE } from "../model/history.ts";
import type { Phase, Plan } from "../model/plan.ts";
import { Calls, type Tally } from "./calls.ts";
import { type KeyPicker, Keys, keyPicker } from "./keys.ts";
import { ApiServer } from "./kubernetes.ts";
import { GET_LINEARIZABLE, KvWorkload } from "./kv.ts";
import { Link } from "./link.ts";
import { type LaneSource, type LoopOptions, runLanes, runOpenLoop } from "./loops.ts";
import { reasonOf } from "./outcomes.ts";
import { Arrivals, OperationSource } from "./schedule.ts";
import { Values } from "./values.ts";
import { Watcher } from "./watch.ts";

/** Reads in flight on each member while every key is read at the end. */
const FINAL_LANES_PER_MEMBER = 16;
const FINAL_DEADLINE_NS = 5e9;
const POLL_MS = 10;

/** The cluster is not as the load needs it: unreachable, or not empty. */
export class LoadError extends Error {
  override readonly name = "LoadError";
}

export interface LoadMember {
  readonly name: string;
  readonly address: StreamAddress;
  /** Default http. */
  readonly scheme?: "http" | "https";
}

export interface LoadOptions {
  readonly members: readonly LoadMember[];
  readonly plan: Pick<Plan, "keys" | "clients" | "phases"> & Partial<Pick<Plan, "kubernetes">>;
  readonly network: StreamNetwork;
  readonly clock: Clock;
  /** `clock.monotonicMs()` when the run began: all recorded times count from it. */
  readonly originMs: number;
  readonly prng: Prng;
  /** Stops the load: nothing starts any more, and what is in flight ends by its deadline at the latest. */
  readonly signal: AbortSignal;
  /** Receives `phase-started` and `phase-ended`, at their instants. */
  readonly onEvent: (event: RunEvent) => void;
  /** How long `open` waits for every member and every watch. */
  readonly openMs?: number;
}

/** One phase as it went. From `startNs` to `stopNs` operations were started; by `endNs` all of them had ended. */
export interface PhaseRun {
  readonly phase: string;
  readonly startNs: number;
  readonly stopNs: number;
  readonly endNs: number;
  /** Due, but not started because too many were in flight. */
  readonly unsent: number;
  /** Of this process, user and system, from start to stop. */
  readonly clientCpuMicros: number;
}

export interface LoadProgress extends Readonly<Tally> {
  /** Null between phases. */
  readonly phase: string | null;
  readonly elapsedMs: number;
  readonly durationMs: number;
  readonly inFlight: number;
  /** Operations answered a second, since the last look. */
  readonly perSecond: number;
}

/**
 * Puts a cluster under load as its plan says, and records every request (D6, D9, D11, D12). Clients are numbered member by
 * member in turn, `connectionsPerMember` of them on each, one connection a client, and stay with their member.
 */
export class LoadDriver {
  readonly recorder: Recorder;
  readonly #options: LoadOptions;
  readonly #keys: Keys;
  readonly #workload: KvWorkload;
  readonly #links: Link[] = [];
  readonly #watchers: Watcher[] = [];
  readonly #apiServers: ApiServer[] = [];
  readonly #calls: Calls;
  readonly #pick: KeyPicker;
  readonly #phasePrngs: readonly Prng[];
  readonly #linkPrng: Prng;
  #initialRevision = 0;
  #running: { readonly name: string; readonly startNs: number; readonly durationMs: number } | null = null;
  #looked: { readonly atNs: number; readonly ok: number } = { atNs: 0, ok: 0 };

  /**
   * Connects to every member, makes sure that no key is there, and starts the watchers. Rejects with `LoadError` when that
   * does not succeed within `openMs`; nothing stays open then.
   */
  static async open(options: LoadOptions): Promise<LoadDriver> {
    const driver = new LoadDriver(options);
    try {
      await driver.#connect(options.openMs ?? 10_000);
    } catch (error) {
      driver.close();
      throw error;
    }
    return driver;
  }

  private constructor(options: LoadOptions) {
    const { members, plan, prng, clock, network } = options;
    this.#options = options;
    this.#keys = new Keys(plan.keys);
    this.#linkPrng = prng.fork();
    // One stream for each phase of the plan, so that one phase's length does not shift another's numbers.
    this.#phasePrngs = plan.phases.map(() => prng.fork());
    // The last key is the API servers' own.
    this.#pick = keyPicker(plan.keys.count - (plan.kubernetes == null ? 0 : 1), plan.keys.distribution);
    const inTurn = (perMember: number): number[] =>
      Array.from({ length: perMember * members.length }, (_, i) => i % members.length);
    this.recorder = new Recorder({
      members: members.map(({ name }) => name),
      clients: inTurn(plan.clients.connectionsPerMember),
      watchers: inTurn(plan.clients.watchersPerMember),
      phases: [...plan.phases.map(({ name }) => name), FINAL_PHASE],
      keyText: (key) => this.#keys.text(key),
    });
    this.#workload = new KvWorkload(this.#keys, new Values(plan.keys.valueBytes), this.recorder);
    for (const member of inTurn(plan.clients.connectionsPerMember)) {
      const { address, scheme = "http" } = members[member] as LoadMember;
      this.#links.push(new Link({ network, address, scheme, clock, prng: this.#linkPrng.fork() }));
    }
    this.#calls = new Calls({
      links: this.#links,
      workload: this.#workload,
      recorder: this.recorder,
      nowNs: this.#nowNs,
      deadlineNs: plan.clients.deadlineMs * 1e6,
    });
  }

  /** Revision of the store before the first operation. */
  get initialRevision(): number {
    return this.#initialRevision;
  }

  /** Runs one phase of the plan; one at a time. Resolves when everything it started has ended. */
  async runPhase(phase: Phase): Promise<PhaseRun> {
    const index = this.#options.plan.phases.indexOf(phase);
    assert(index >= 0, "the phase is one of the plan's");
    const prng = this.#phasePrngs[index] as Prng;
    const arrivalsPrng = prng.fork();
    const source = new OperationSource(phase.mix, this.#pick, prng);
    const { loop } = phase;
    const clients = this.#links.length;
    const apiServers = Promise.all(this.#apiServers.map((apiServer) => apiServer.run(index)));
    const run = this.#measure(phase.name, index, phase.durationMs, async (options) => {
      if (loop.kind === "open") {
        const arrivals = new Arrivals(loop.ratePerSecond, loop.arrivals, arrivalsPrng);
        return runOpenLoop(options, source, arrivals, clients, phase.durationMs * 1e6);
      }
      const lanes: LaneSource = {
        client: 0,
        kind: 0,
        key: 0,
        next(lane) {
          source.next();
          this.client = lane % clients;
          this.kind = source.kind;
          this.key = source.key;
          return true;
        },
      };
      await runLanes(options, loop.concurrency, lanes, this.#nowNs() + phase.durationMs * 1e6);
      return 0;
    });
    try {
      return await run;
    } finally {
      for (const apiServer of this.#apiServers) apiServer.end();
      await apiServers;
    }
  }

  /**
   * Reads every key once through each member, linearizably, as operations of phase "final"; what has not been asked after
   * `limitMs`, because a member does not answer, stays unread.
   */
  async finalReads(limitMs: number): Promise<PhaseRun> {
    const members = this.#options.members.length;
    const next = new Array<number>(members).fill(0);
    const keys = this.#keys.count;
    const source: LaneSource = {
      client: 0,
      kind: GET_LINEARIZABLE,
      key: 0,
      next: (lane) => {
        // A member that is done leaves its lanes to the others.
        for (let turn = 0; turn < members; turn++) {
          const member = (lane + turn) % members;
          if ((next[member] as number) >= keys) continue;
          source.client = member;
          source.key = next[member] as number;
          next[member] = source.key + 1;
          return true;
        }
        return false;
      },
    };
    // A plan's deadline may be too short for anything to be answered: these reads must be.
    this.#calls.deadlineNs = Math.max(this.#calls.deadlineNs, FINAL_DEADLINE_NS);
    return this.#measure(FINAL_PHASE, this.#options.plan.phases.length, limitMs, async (options) => {
      const endNs = this.#nowNs() + limitMs * 1e6;
      // What broke may not have been dialled again yet; a member that is gone leaves half of the time to the others.
      await this.#until(limitMs / 2, () => this.#links.every(({ connection }) => connection !== null));
      await runLanes(options, FINAL_LANES_PER_MEMBER * members, source, endNs);
      return 0;
    });
  }

  /** The revision of the newest change of the run's keys that any answer showed; 0 before the first. */
  get newestChange(): number {
    return this.#workload.newestChange;
  }

  /** Waits until every watcher that hears of it has seen the newest change, `limitMs` at most; true when all have. */
  async watchersCaughtUp(limitMs: number): Promise<boolean> {
    const newest = this.#workload.newestChange;
    return this.#until(limitMs, () =>
      this.#watchers.every((watcher) => watcher.seenRevision >= newest || !watcher.hearsAll),
    );
  }

  /** For a progress display; call it as often as it is shown. */
  progress(): LoadProgress {
    const now = this.#nowNs();
    const { ok, failed, unknown } = this.#calls.tally;
    const seconds = (now - this.#looked.atNs) / 1e9;
    const perSecond = seconds > 0 ? (ok - this.#looked.ok) / seconds : 0;
    this.#looked = { atNs: now, ok };
    return {
      phase: this.#running?.name ?? null,
      elapsedMs: this.#running === null ? 0 : (now - this.#running.startNs) / 1e6,
      durationMs: this.#running?.durationMs ?? 0,
      ok,
      failed,
      unknown,
      inFlight: this.#calls.inFlight,
      perSecond,
    };
  }

  /** Ends watchers and connections. No phase may be running. */
  close(): void {
    assert(this.#running === null, "a driver is closed between phases");
    for (const apiServer of this.#apiServers) apiServer.close();
    for (const watcher of this.#watchers) watcher.close();
    for (const link of this.#links) link.close();
  }

  #nowNs = (): number => Math.round((this.#options.clock.monotonicMs() - this.#options.originMs) * 1e6);

  async #measure(
    name: string,
    phase: number,
    durationMs: number,
    run: (options: LoopOptions) => Promise<number>,
  ): Promise<PhaseRun> {
    assert(this.#running === null, "one phase at a time");
    const { clock, signal, onEvent } = this.#options;
    const startNs = this.#nowNs();
    this.#running = { name, startNs, durationMs };
    onEvent({ atNs: startNs, kind: "phase-started", phase: name });
    const cpuBefore = process.cpuUsage();
    let clientCpuMicros = 0;
    let stopNs = startNs;
    const stopped = (): void => {
      stopNs = this.#nowNs();
      const { user, system } = process.cpuUsage(cpuBefore);
      clientCpuMicros = user + system;
      onEvent({ atNs: stopNs, kind: "phase-ended", phase: name });
    };
    try {
      const unsent = await run({ calls: this.#calls, clock, nowNs: this.#nowNs, phase, signal, stopped });
      return { phase: name, startNs, stopNs, endNs: this.#nowNs(), unsent, clientCpuMicros };
    } finally {
      this.#running = null;
    }
  }

  async #connect(limitMs: number): Promise<void> {
    const { members, plan, clock, network } = this.#options;
    const until = clock.monotonicMs() + limitMs;
    const left = (): number => until - clock.monotonicMs();
    if (!(await this.#until(left(), () => this.#links.every((link) => link.connection !== null)))) {
      const missing = members.filter((_, i) => this.#links[i]?.connection === null).map(({ name }) => name);
      throw new LoadError(`no connection to ${missing.join(", ")} within ${limitMs} ms`);
    }
    this.#initialRevision = await this.#readInitialRevision(left);
    for (let watcher = 0; watcher < plan.clients.watchersPerMember * members.length; watcher++) {
      const { address, scheme = "http" } = members[watcher % members.length] as LoadMember;
      this.#watchers.push(
        new Watcher({
          watcher,
          link: { network, address, scheme, clock, prng: this.#linkPrng.fork() },
          clock,
          nowNs: this.#nowNs,
          keys: this.#keys,
          workload: this.#workload,
          recorder: this.recorder,
          fromRevision: this.#initialRevision + 1,
          // On each member every second watches half the keys only, and over all members every second asks for what was before.
          range: Math.floor(watcher / members.length) % 2 === 0 ? "all" : "half",
          prevKv: watcher % 2 === 1,
          progressEveryMs: plan.clients.progressEveryMs ?? null,
        }),
      );
    }
    if (!(await this.#until(left(), () => this.#watchers.every((watcher) => watcher.open))))
      throw new LoadError(`not every watch was confirmed within ${limitMs} ms`);
    this.#openApiServers();
  }

  /** They are not waited for: without a connection they do nothing. */
  #openApiServers(): void {
    const { members, plan, clock, network, onEvent } = this.#options;
    const { kubernetes, clients } = plan;
    if (kubernetes == null) return;
    for (let index = 0; index < kubernetes.apiServers; index++) {
      const place = index % members.length;
      const { name, address, scheme = "http" } = members[place] as LoadMember;
      this.#apiServers.push(
        new ApiServer({
          plan: kubernetes,
          index,
          member: name,
          client: place,
          link: { network, address, scheme, clock, prng: this.#linkPrng.fork() },
          clock,
          nowNs: this.#nowNs,
          deadlineMs: clients.deadlineMs,
          keys: this.#keys,
          workload: this.#workload,
          recorder: this.recorder,
          watcher: this.#watchers[place] ?? null,
          note: (text) => onEvent({ atNs: this.#nowNs(), kind: "note", text }),
        }),
      );
    }
  }

  /** A cluster that has just started may still refuse: asked again until the time is up. */
  async #readInitialRevision(leftMs: () => number): Promise<number> {
    const request = RangeRequest.create({
      key: this.#keys.prefixBytes,
      rangeEnd: this.#keys.rangeEnd(),
      countOnly: true,
    });
    let reason = "no answer";
    while (leftMs() > 0 && !this.#options.signal.aborted) {
      const answer = await new Promise<RangeResponse | null>((resolve) => {
        const connection = this.#links[0]?.connection ?? null;
        if (connection === null) return resolve(null);
        connection.unary(KV.Range, request, { timeoutMs: leftMs() }, (error, response) => {
          if (error !== null) reason = reasonOf(error);
          resolve(response);
        });
      });
      if (answer?.header != null) {
        if (answer.count > 0)
          throw new LoadError(`${answer.count} keys with the run's prefix are there already: a run starts without any`);
        return answer.header.revision;
      }
      await this.#pause();
    }
    throw new LoadError(`the store's revision could not be read: ${reason}`);
  }

  async #until(limitMs: number, condition: () => boolean): Promise<boolean> {
    const { clock, signal } = this.#options;
    const until = clock.monotonicMs() + limitMs;
    while (!condition()) {
      if (clock.monotonicMs() >= until || signal.aborted) return condition();
      await this.#pause();
    }
    return true;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(POLL_MS, resolve));
  }
}
