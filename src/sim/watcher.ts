/**
 * One watch on one member, over all keys of the history or over all keys there are: opened again behind what it has seen whenever it
 * breaks, and from what is left when that was compacted. Now and then it goes back in time, or waits for the future. What it is sent
 * must be what the twin has, change by change; what the history knows of it is judged there once more.
 */
import type { Prng } from "../base/prng.ts";
import type { EtcdError } from "../etcd/errors.ts";
import type { ObservedKeyValue, WatchEventRecord, WatcherRecord } from "../harness/model/history.ts";
import { WatchCreateRequest, type WatchResponse } from "../proto/gen/etcdserverpb.ts";
import { type Event, EventType, type KeyValue } from "../proto/gen/mvccpb.ts";
import { headOf } from "./answers.ts";
import { KEY_PREFIX } from "./load.ts";
import type { Machine, Process } from "./machine.ts";
import type { HistoryPlan } from "./model.ts";
import { bytesOf, isSame, shownAs, type Twin, type TwinKeyValue, textOf } from "./twin.ts";
import type { World } from "./world.ts";

type Hub = NonNullable<Process["member"]>["watches"];
type WatchStream = ReturnType<Hub["openStream"]>;

const REOPEN_MEAN_US = 200_000;
const WAY_US = 500;
const ASK_PROGRESS_MEAN_US = 3_000_000;
const FIRST_REVISION = 2;
/** So far back it goes at most, and so far into the future. */
const BACK = 60;
const AHEAD = 5;

export class Watcher {
  readonly events: WatchEventRecord[] = [];
  readonly records: WatcherRecord[] = [];
  readonly #world: World;
  readonly #twin: Twin;
  readonly #elsewhere: () => Machine;
  #machine: Machine;
  readonly #number: number;
  readonly #chance: Prng;
  /** Responses on their way; above this the member is told to wait. */
  readonly #roomFor: number;
  /** Null: nothing compacts, so it stays where it is. */
  readonly #plan: HistoryPlan | null;
  /** First and last key, the last not included. */
  readonly #range: readonly [string, string];
  #nextRevision = FIRST_REVISION;
  /** Watches opened; responses to an earlier one are nobody's any more. */
  #watches = 0;
  /** Received on the open stream. */
  #responses = 0;
  #isOpen = false;
  #settles = false;

  /** `elsewhere`: another machine, for when this one is switched off for good. */
  constructor(number: number, machine: Machine, elsewhere: () => Machine, world: World, twin: Twin) {
    this.#number = number;
    this.#machine = machine;
    this.#elsewhere = elsewhere;
    this.#world = world;
    this.#twin = twin;
    this.#chance = world.chance(`watcher ${number}`);
    this.#roomFor = this.#chance.pick([1, 4, 1000]);
    this.#plan = world.scenario.history;
    const isBroad = world.scenario.leases !== null && number % 3 === 0;
    this.#range = isBroad ? ["a", "z"] : [KEY_PREFIX, String.fromCharCode(KEY_PREFIX.charCodeAt(0) + 1)];
    this.#reopen();
  }

  get #asksPrevious(): boolean {
    return this.#number % 2 === 1;
  }

  /** From now on it stays where it is. */
  settle(): void {
    this.#settles = true;
  }

  /** It was sent everything up to here. */
  get seenRevision(): number {
    return this.#nextRevision - 1;
  }

  #reopen(): void {
    if (this.#plan !== null && !this.#settles && this.#chance.float() < this.#plan.rewindChance) this.#move();
    this.#world.scheduler.after(this.#chance.exponential(REOPEN_MEAN_US), () => this.#open());
  }

  /** Somewhere else in time. */
  #move(): void {
    const back = this.#chance.float() < 0.8;
    if (back) this.#nextRevision = Math.max(1, this.#nextRevision - this.#chance.below(BACK));
    else this.#nextRevision = this.#twin.revision + this.#chance.below(AHEAD);
  }

  #open(): void {
    if (this.#machine.isRetired) this.#machine = this.#elsewhere();
    const { process } = this.#machine;
    const member = process?.member;
    if (process === null || member == null) {
      this.#reopen();
      return;
    }
    const watch = ++this.#watches;
    let stream: WatchStream | null = null;
    const ended = (reason: string): void => {
      if (!process.onEnd.delete(lost)) return;
      this.#watches++;
      this.#closed(reason);
      if (stream !== null) this.#machine.run(process, () => stream?.close());
      this.#reopen();
    };
    const lost = (): void => ended("connection lost");
    process.onEnd.add(lost);
    const begin = (refusal: EtcdError | null): void => {
      if (refusal !== null) lost();
      else if (watch === this.#watches) stream = this.#watch(process, member.watches, ended);
    };
    this.#machine.run(process, () => {
      const serving = member.whenServing();
      if (serving instanceof Promise) void serving.then((refusal) => this.#machine.run(process, () => begin(refusal)));
      else begin(serving);
    });
    if (this.#plan !== null && this.#plan.rewindChance > 0) {
      const stayUs = this.#chance.exponential(this.#plan.watchMs * 1000);
      this.#world.scheduler.after(stayUs, () => {
        if (watch === this.#watches && !this.#settles) ended("left");
      });
    }
  }

  #watch(process: Process, hub: Hub, ended: (reason: string) => void): WatchStream {
    const waiting: WatchResponse[] = [];
    let readsAtUs = 0;
    this.#responses = 0;
    const { scheduler } = this.#world;
    const watch = this.#watches;
    const stream = hub.openStream({
      send: (response) => {
        waiting.push(response);
        // In order: one way, one queue.
        readsAtUs = Math.max(readsAtUs + 1, scheduler.nowUs + 1 + Math.round(this.#chance.exponential(WAY_US)));
        scheduler.after(readsAtUs - scheduler.nowUs, () => {
          if (!process.alive || watch !== this.#watches) return;
          this.#received(waiting.shift() as WatchResponse, ended);
          if (waiting.length === 0 && stream.blocked) this.#machine.run(process, () => stream.drained());
        });
        return waiting.length < this.#roomFor;
      },
    });
    const [key, rangeEnd] = this.#range;
    stream.create(
      WatchCreateRequest.create({
        key: bytesOf(key),
        rangeEnd: bytesOf(rangeEnd),
        startRevision: this.#nextRevision,
        prevKv: this.#asksPrevious,
      }),
    );
    const askProgress = (): void => {
      scheduler.after(this.#chance.exponential(ASK_PROGRESS_MEAN_US), () => {
        if (!process.alive || watch !== this.#watches) return;
        this.#machine.run(process, () => {
          if (!stream.blocked) stream.progress();
        });
        askProgress();
      });
    };
    askProgress();
    return stream;
  }

  #received(response: WatchResponse, ended: (reason: string) => void): void {
    const revision = response.header?.revision ?? 0;
    const place = this.#responses++;
    if (response.canceled) {
      this.#compacted(response, ended);
      return;
    }
    if (response.created) {
      this.#isOpen = true;
      this.#record("opened", this.#nextRevision, "", place);
      return;
    }
    const last = response.events.at(-1)?.kv?.modRevision ?? revision;
    this.#expectChanges(response, last);
    for (const event of response.events)
      if (event.kv !== null && textOf(event.kv.key).startsWith(KEY_PREFIX)) this.#event(event, event.kv, place);
    if (response.events.length === 0) this.#record("progress", revision, "", place);
    this.#nextRevision = Math.max(this.#nextRevision, last + 1);
  }

  /** Only what is compacted ends a watch, and it goes on where something is left. */
  #compacted({ compactRevision, cancelReason }: WatchResponse, ended: (reason: string) => void): void {
    const known = this.#twin.compactions.at(-1)?.revision ?? 0;
    const isRight = compactRevision > this.#nextRevision && compactRevision <= known;
    this.#world.check(isRight, "answer differs from the twin", () => {
      const text = `${this.#name()} was canceled at ${this.#nextRevision}: ${cancelReason}`;
      return `${text}, compacted at ${compactRevision}, where ${known} is`;
    });
    this.#world.count("watches compacted");
    this.#nextRevision = compactRevision;
    ended("compacted");
  }

  /** Every change that it watches, from the next on, in one response with its whole revision; none that was not made. */
  #expectChanges({ events }: WatchResponse, last: number): void {
    let place = 0;
    for (let revision = this.#nextRevision; revision <= last; revision++) {
      for (const held of this.#twin.changesAt(revision)) {
        if (held.key < this.#range[0] || held.key >= this.#range[1]) continue;
        const event = events[place++];
        const isRight = event?.kv != null && this.#isSame(event, event.kv, held);
        this.#world.check(isRight, "answer differs from the twin", () => {
          const sent =
            event === undefined ? "nothing more" : `${shownAs(event.kv)} of revision ${event.kv?.modRevision}`;
          const next = `${held.key} as ${shownAs(held)} of revision ${revision}`;
          return `${this.#name()} was sent ${sent} with revision ${last}, where ${next} comes next`;
        });
      }
    }
    this.#world.check(place === events.length, "answer differs from the twin", () => {
      return `${this.#name()} was sent ${events.length} events to revision ${last}, where ${place} are due`;
    });
  }

  /** What was before may be left out when it is compacted, and must be otherwise right. */
  #isSame({ type, prevKv }: Event, kv: KeyValue, held: TwinKeyValue): boolean {
    const deletion = type === EventType.DELETE;
    if (deletion ? held.version !== 0 || textOf(kv.key) !== held.key : !isSame(kv, held)) return false;
    if (kv.modRevision !== held.modRevision || !this.#asksPrevious) return kv.modRevision === held.modRevision;
    const before = this.#twin.get(held.key, held.modRevision - 1);
    return (
      isSame(prevKv, before) || (prevKv === null && held.modRevision <= (this.#twin.compactions.at(-1)?.revision ?? 0))
    );
  }

  #event({ type, prevKv }: Event, kv: KeyValue, response: number): void {
    const deletion = type === EventType.DELETE;
    const key = textOf(kv.key);
    this.events.push({
      type: "event",
      watcher: this.#number,
      member: this.#machine.name,
      atNs: this.#world.scheduler.nowNs,
      kind: deletion ? "delete" : "put",
      key,
      value: deletion ? "" : headOf(textOf(kv.value)),
      revision: kv.modRevision,
      version: kv.version,
      createRevision: kv.createRevision,
      response,
      ...(this.#asksPrevious ? { previous: prevKv && observed(prevKv) } : {}),
    });
    this.#world.count("watch events");
  }

  #closed(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#record("closed", this.seenRevision, reason);
  }

  #record(what: WatcherRecord["what"], revision: number, reason: string, response?: number): void {
    const atNs = this.#world.scheduler.nowNs;
    const { name: member } = this.#machine;
    const record: WatcherRecord = { type: "watcher", watcher: this.#number, member, atNs, what, revision, reason };
    this.records.push(response === undefined ? record : { ...record, response });
  }

  #name(): string {
    return `watcher ${this.#number} on ${this.#machine.name}`;
  }
}

function observed({ value, createRevision, modRevision, version }: KeyValue): ObservedKeyValue {
  return { value: headOf(textOf(value)), createRevision, modRevision, version };
}
