/** One watch over all keys of the history on one member: opened again behind what it has seen whenever it breaks. */
import type { Prng } from "../base/prng.ts";
import type { EtcdError } from "../etcd/errors.ts";
import type { ObservedKeyValue, WatchEventRecord, WatcherRecord } from "../harness/model/history.ts";
import { WatchCreateRequest, type WatchResponse } from "../proto/gen/etcdserverpb.ts";
import { type Event, EventType, type KeyValue } from "../proto/gen/mvccpb.ts";
import { headOf } from "./answers.ts";
import { KEY_PREFIX } from "./load.ts";
import type { Machine, Process } from "./machine.ts";
import { bytesOf, isSame, shownAs, type Twin, textOf } from "./twin.ts";
import type { World } from "./world.ts";

const REOPEN_MEAN_US = 200_000;
const WAY_US = 500;
const ASK_PROGRESS_MEAN_US = 3_000_000;
const FIRST_REVISION = 2;

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
  #nextRevision = FIRST_REVISION;
  /** Received on the open stream. */
  #responses = 0;
  #isOpen = false;

  /** `elsewhere`: another machine, for when this one is switched off for good. */
  constructor(number: number, machine: Machine, elsewhere: () => Machine, world: World, twin: Twin) {
    this.#number = number;
    this.#machine = machine;
    this.#elsewhere = elsewhere;
    this.#world = world;
    this.#twin = twin;
    this.#chance = world.chance(`watcher ${number}`);
    this.#roomFor = this.#chance.pick([1, 4, 1000]);
    this.#reopen();
  }

  get #asksPrevious(): boolean {
    return this.#number % 2 === 1;
  }

  /** It was sent everything up to here. */
  get seenRevision(): number {
    return this.#nextRevision - 1;
  }

  #reopen(): void {
    this.#world.scheduler.after(this.#chance.exponential(REOPEN_MEAN_US), () => this.#open());
  }

  #open(): void {
    if (this.#machine.isRetired) this.#machine = this.#elsewhere();
    const { process } = this.#machine;
    const member = process?.member;
    if (process === null || member == null) {
      this.#reopen();
      return;
    }
    const ended = (): void => {
      if (!process.onEnd.delete(ended)) return;
      this.#closed("connection lost");
      this.#reopen();
    };
    process.onEnd.add(ended);
    const begin = (refusal: EtcdError | null): void => {
      if (refusal === null) this.#watch(process, member.watches);
      else ended();
    };
    this.#machine.run(process, () => {
      const serving = member.whenServing();
      if (serving instanceof Promise) void serving.then((refusal) => this.#machine.run(process, () => begin(refusal)));
      else begin(serving);
    });
  }

  #watch(process: Process, hub: NonNullable<Process["member"]>["watches"]): void {
    const waiting: WatchResponse[] = [];
    let readsAtUs = 0;
    this.#responses = 0;
    const { scheduler } = this.#world;
    const stream = hub.openStream({
      send: (response) => {
        waiting.push(response);
        // In order: one way, one queue.
        readsAtUs = Math.max(readsAtUs + 1, scheduler.nowUs + 1 + Math.round(this.#chance.exponential(WAY_US)));
        scheduler.after(readsAtUs - scheduler.nowUs, () => {
          if (!process.alive) return;
          this.#received(waiting.shift() as WatchResponse);
          if (waiting.length === 0 && stream.blocked) this.#machine.run(process, () => stream.drained());
        });
        return waiting.length < this.#roomFor;
      },
    });
    const from = this.#nextRevision;
    stream.create(
      WatchCreateRequest.create({
        key: bytesOf(KEY_PREFIX),
        rangeEnd: bytesOf(String.fromCharCode(KEY_PREFIX.charCodeAt(0) + 1)),
        startRevision: from,
        prevKv: this.#asksPrevious,
      }),
    );
    const askProgress = (): void => {
      scheduler.after(this.#chance.exponential(ASK_PROGRESS_MEAN_US), () => {
        if (!process.alive) return;
        this.#machine.run(process, () => {
          if (!stream.blocked) stream.progress();
        });
        askProgress();
      });
    };
    askProgress();
  }

  #received(response: WatchResponse): void {
    const revision = response.header?.revision ?? 0;
    const place = this.#responses++;
    if (response.canceled) {
      this.#world.fail("answer differs from the twin", `${this.#name()} was canceled: ${response.cancelReason}`);
    } else if (response.created) {
      this.#isOpen = true;
      this.#record("opened", this.#nextRevision, "", place);
    } else if (response.events.length === 0) {
      this.#record("progress", revision, "", place);
      this.#nextRevision = Math.max(this.#nextRevision, revision + 1);
    }
    for (const event of response.events) if (event.kv !== null) this.#event(event, event.kv, place);
  }

  #event({ type, prevKv }: Event, kv: KeyValue, response: number): void {
    const deletion = type === EventType.DELETE;
    const key = textOf(kv.key);
    const held = this.#twin.changesAt(kv.modRevision).find((change) => change.key === key) ?? null;
    const isRight = deletion ? held?.version === 0 : isSame(kv, held);
    this.#world.check(isRight, "answer differs from the twin", () => {
      const sent = `${deletion ? "a deletion" : shownAs(kv)} of ${key}`;
      return `${this.#name()} was sent ${sent} at revision ${kv.modRevision}, the twin has ${shownAs(held)} there`;
    });
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
    this.#nextRevision = Math.max(this.#nextRevision, kv.modRevision + 1);
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
