/** The clients: each stays with one member, asks, waits for the answer or its deadline, thinks, and asks again. */
import type { Prng } from "../base/prng.ts";
import type { Soon } from "../etcd/requests.ts";
import {
  FINAL_PHASE,
  type OperationRecord,
  type OperationRequest,
  type OperationResponse,
  type Outcome,
} from "../harness/model/history.ts";
import {
  Compare,
  CompareResult,
  CompareTarget,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
} from "../proto/gen/etcdserverpb.ts";
import { type Answers, type ClientResponse, headOf, type Question } from "./answers.ts";
import type { Asking } from "./asking.ts";
import type { Machine } from "./machine.ts";
import type { ClientRequests, OperationKind } from "./model.ts";
import type { Operator } from "./operator.ts";
import { bytesOf } from "./twin.ts";
import type { World } from "./world.ts";

/** Keys that the history knows, and that watchers watch. */
export const KEY_PREFIX = "k";
const MULTI_KEYS = ["m0", "m1", "m2"] as const;
const PHASE = "load";
/** A seed is to tell something of requests, too. */
const OPERATIONS_MIN = 300;
const LATE_HASTE = 4;

interface Ask {
  readonly client: number;
  readonly machine: Machine;
  readonly phase: string;
  readonly question: Question;
  /** Null: known to the twin alone. */
  readonly request: OperationRequest | null;
}

export class Load {
  readonly operations: OperationRecord[] = [];
  readonly #world: World;
  readonly #operator: Operator;
  readonly #asking: Asking;
  readonly #answers: Answers;
  readonly #chance: Prng;
  readonly #kinds: readonly OperationKind[];
  readonly #keys: readonly string[];
  /** By client and key: the modification it saw last. */
  readonly #seen = new Map<string, number>();
  /** By machine: when the last write that it acknowledged was asked for. */
  readonly #ackedAskedUs = new Map<number, number>();
  #stopped = false;
  /** By client. */
  readonly #homes: Machine[];
  #healed = false;

  constructor(world: World, operator: Operator, asking: Asking, answers: Answers) {
    this.#world = world;
    this.#operator = operator;
    this.#asking = asking;
    this.#answers = answers;
    this.#chance = world.chance("load");
    this.#kinds = Object.entries(world.scenario.load.mix).flatMap(([kind, weight]) =>
      Array.from({ length: weight as number }, () => kind as OperationKind),
    );
    this.#keys = Array.from({ length: world.scenario.load.keys }, (_, i) => `${KEY_PREFIX}${i}`);
    const { members } = operator;
    this.#homes = Array.from(
      { length: world.scenario.load.clients },
      (_, client) => members[client % members.length] as Machine,
    );
    for (let client = 0; client < world.scenario.load.clients; client++) this.#think(client);
  }

  /** From now on the clients go round, so that every member is asked. */
  heal(): void {
    this.#healed = true;
  }

  /** No client begins anything new. */
  stop(): void {
    this.#stopped = true;
  }

  /** Whether the machine has acknowledged a write that was asked for after that time. */
  hasWrittenSince(machine: Machine, sinceUs: number): boolean {
    return (this.#ackedAskedUs.get(machine.number) ?? -1) >= sinceUs;
  }

  /** Every key through every member, in both modes. */
  readAll(): void {
    for (const machine of this.#operator.members) {
      for (const key of this.#keys) {
        for (const serializable of [false, true]) {
          const client = this.#world.scenario.load.clients + machine.number;
          this.#ask(this.#get(client, machine, FINAL_PHASE, key, serializable), () => {});
        }
      }
    }
  }

  /** A seed whose cluster was away for long makes up for it when that is over. */
  #think(client: number): void {
    const isLate = this.#healed && this.#asking.next < OPERATIONS_MIN;
    const meanUs = this.#world.scenario.load.thinkMs * 1000;
    const pause = this.#chance.exponential(isLate ? meanUs / LATE_HASTE : meanUs);
    this.#world.scheduler.after(pause, () => {
      if (!this.#stopped) this.#ask(this.#choose(client), () => this.#think(client));
    });
  }

  // ------------------------------------------------------------------------------------------------------------ asking

  /** Its home, until that is switched off for good. */
  #machineOf(client: number): Machine {
    const { members } = this.#operator;
    const home = this.#homes[client] as Machine;
    if (this.#healed) return members[this.#asking.next % members.length] as Machine;
    if (home.isRetired) this.#homes[client] = this.#chance.pick(members);
    return this.#homes[client] as Machine;
  }

  #choose(client: number): Ask {
    const machine = this.#machineOf(client);
    const kind = this.#chance.pick(this.#kinds);
    const key = this.#chance.pick(this.#keys);
    const floor = this.#answers.newest;
    const common = { client, machine, phase: PHASE };
    const value = `v${this.#asking.next}`;
    switch (kind) {
      case "put": {
        const text = `${machine.name} put ${key} = ${value}`;
        return { ...common, question: { kind, key, value, floor, text }, request: { kind, key, value } };
      }
      case "delete": {
        const text = `${machine.name} delete ${key}`;
        return { ...common, question: { kind, key, floor, text }, request: { kind, key } };
      }
      case "linearizable":
      case "serializable":
        return this.#get(client, machine, PHASE, key, kind === "serializable");
      case "cas": {
        const modRevision = this.#seen.get(`${client} ${key}`) ?? 0;
        const text = `${machine.name} put ${key} = ${value} if its revision is ${modRevision}`;
        const question: Question = { kind, key, value, modRevision, floor, text };
        return { ...common, question, request: { kind: "put", key, value } };
      }
      case "multi": {
        const first = this.#chance.below(MULTI_KEYS.length);
        const keys = [MULTI_KEYS[first], MULTI_KEYS[(first + 1) % MULTI_KEYS.length]] as unknown as [string, string];
        const modRevision = this.#seen.get(`${client} ${keys[0]}`) ?? 0;
        const text = `${machine.name} put ${keys.join(" and ")} = ${value} if the first's revision is ${modRevision}`;
        return { ...common, question: { kind, keys, value, modRevision, floor, text }, request: null };
      }
    }
  }

  #get(client: number, machine: Machine, phase: string, key: string, serializable: boolean): Ask {
    const text = `${machine.name} get ${key}${serializable ? " serializable" : ""}`;
    const question: Question = { kind: "get", key, serializable, floor: this.#answers.newest, text };
    return { client, machine, phase, question, request: { kind: "get", key, serializable } };
  }

  #ask(ask: Ask, done: () => void): void {
    const { machine, question } = ask;
    const padding = this.#chance.below(this.#world.scenario.load.valueMaxBytes);
    this.#asking.ask<ClientResponse, Extract<Outcome, { kind: "ok" }>>({
      machine,
      text: question.text,
      send: ({ kv }) => send(kv, question, padding),
      take: (result) => this.#answers.take(question, result),
      describe: ({ response }) => describe(response),
      done: (outcome, id, startUs) => {
        this.#end(id, ask, startUs, outcome);
        done();
      },
    });
  }

  #end(id: number, { client, machine, phase, question, request }: Ask, startUs: number, outcome: Outcome): void {
    if (outcome.kind === "ok") this.#learn(client, machine, question, startUs, outcome);
    if (request === null) return;
    const isCasRead = question.kind === "cas" && outcome.kind === "ok" && outcome.response.kind === "get";
    const startNs = startUs * 1000;
    this.operations.push({
      type: "operation",
      id,
      client,
      member: machine.name,
      phase,
      request: isCasRead ? { kind: "get", key: question.key, serializable: false } : request,
      intendedNs: startNs,
      startNs,
      endNs: this.#world.scheduler.nowNs,
      outcome,
    });
  }

  #learn(
    client: number,
    machine: Machine,
    question: Question,
    startUs: number,
    { response }: Extract<Outcome, { kind: "ok" }>,
  ): void {
    if (question.kind !== "get" && response.kind !== "get") {
      const before = this.#ackedAskedUs.get(machine.number) ?? -1;
      this.#ackedAskedUs.set(machine.number, Math.max(before, startUs));
    }
    const key = question.kind === "multi" ? question.keys[0] : question.key;
    const isWritten = response.kind === "put";
    const seen = isWritten ? response.revision : response.kind === "get" ? (response.kv?.modRevision ?? 0) : 0;
    this.#seen.set(`${client} ${key}`, seen);
  }
}

// ----------------------------------------------------------------------------------------------------------------- requests

function send(requests: ClientRequests, question: Question, padding: number): Soon<ClientResponse> {
  switch (question.kind) {
    case "get":
      return requests.range(RangeRequest.create({ key: bytesOf(question.key), serializable: question.serializable }));
    case "put":
      return requests.put(putOf(question.key, question.value, padding));
    case "delete":
      return requests.deleteRange(DeleteRangeRequest.create({ key: bytesOf(question.key) }));
    case "cas": {
      const { key, value, modRevision } = question;
      return requests.txn(
        TxnRequest.create({
          compare: [compareOf(key, modRevision)],
          success: [{ request: { kind: "requestPut", value: putOf(key, value, padding) } }],
          failure: [readOf(key)],
        }),
      );
    }
    case "multi": {
      const { keys, value, modRevision } = question;
      const reads = keys.map(readOf);
      const puts = keys.map(
        (key): RequestOp => ({ request: { kind: "requestPut", value: putOf(key, value, padding) } }),
      );
      return requests.txn(
        TxnRequest.create({ compare: [compareOf(keys[0], modRevision)], success: [...puts, ...reads], failure: reads }),
      );
    }
  }
}

/** The value's head is unique; what follows only makes it longer. */
function putOf(key: string, value: string, padding: number): PutRequest {
  return PutRequest.create({
    key: bytesOf(key),
    value: bytesOf(padding === 0 ? value : `${value} ${".".repeat(padding)}`),
  });
}

function readOf(key: string): RequestOp {
  return { request: { kind: "requestRange", value: RangeRequest.create({ key: bytesOf(key) }) } };
}

function compareOf(key: string, modRevision: number): Compare {
  return Compare.create({
    result: CompareResult.EQUAL,
    target: CompareTarget.MOD,
    key: bytesOf(key),
    targetUnion: { kind: "modRevision", value: modRevision },
  });
}

function describe(response: OperationResponse): string {
  if (response.kind === "put") return `written at ${response.revision}`;
  if (response.kind === "delete") return `deleted ${response.deleted} at ${response.revision}`;
  const { kv } = response;
  return `at ${response.revision}: ${kv === null ? "nothing" : `${headOf(kv.value)} of ${kv.modRevision}`}`;
}
