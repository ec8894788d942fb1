/** Clients that compact the store's history, and that read what may be compacted or not written yet. */
import type { Prng } from "../base/prng.ts";
import { ETCD_ERRORS, type EtcdError } from "../etcd/errors.ts";
import { CompactionRequest, HashKVRequest, PutRequest, RangeRequest, TxnRequest } from "../proto/gen/etcdserverpb.ts";
import { type Answers, readIn } from "./answers.ts";
import { KEY_PREFIX } from "./load.ts";
import type { Machine } from "./machine.ts";
import type { HistoryMix, HistoryPlan } from "./model.ts";
import type { Operator } from "./operator.ts";
import type { Probes, Span } from "./probes.ts";
import { bytesOf, type Twin } from "./twin.ts";
import type { World } from "./world.ts";

export interface HistorianParts {
  readonly world: World;
  readonly operator: Operator;
  readonly probes: Probes;
  readonly answers: Answers;
  readonly twin: Twin;
}

const OWN_KEY = "h0";
/** So far around the newest revision lie the recent and the future ones. */
const NEAR = 6;

export class Historians {
  readonly #parts: HistorianParts;
  readonly #plan: HistoryPlan;
  readonly #chance: Prng;
  readonly #kinds: readonly (keyof HistoryMix)[];
  /** What members said of the same state: by revision and compacted revision. */
  readonly #hashes = new Map<string, { readonly hash: number; readonly machine: string }>();
  /** The newest that anybody was told is compacted. */
  #compacted = 1;
  #written = 0;
  #stopped = false;

  constructor(parts: HistorianParts, plan: HistoryPlan) {
    this.#parts = parts;
    this.#plan = plan;
    this.#chance = parts.world.chance("historians");
    this.#kinds = Object.entries(plan.mix).flatMap(([kind, weight]) =>
      Array.from({ length: weight as number }, () => kind as keyof HistoryMix),
    );
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    this.#parts.world.scheduler.after(this.#chance.exponential(this.#plan.everyMs * 1000), () => {
      if (this.#stopped) return;
      this.#ask(this.#chance.pick(this.#parts.operator.members), this.#chance.pick(this.#kinds));
      this.#next();
    });
  }

  #ask(machine: Machine, kind: keyof HistoryMix): void {
    const revision = this.#revision();
    if (kind === "compact") this.#compact(machine, revision);
    else if (kind === "read") this.#read(machine, revision);
    else if (kind === "txn") this.#txn(machine, revision);
    else this.#hash(machine, revision);
  }

  /** Old, recent, of the future, or compacted already. */
  #revision(): number {
    const { newest } = this.#parts.answers;
    const which = this.#chance.float();
    if (which < 0.2) return 1 + this.#chance.below(newest);
    if (which < 0.65) return Math.max(1, newest - this.#chance.below(NEAR));
    if (which < 0.8) return newest + this.#chance.below(NEAR);
    return Math.max(1, this.#compacted + 1 - this.#chance.below(NEAR));
  }

  #compact(machine: Machine, revision: number): void {
    const { probes, twin, answers, world } = this.#parts;
    const physical = this.#chance.float() < 0.3;
    const text = `${machine.name} compact ${revision}${physical ? " physically" : ""}`;
    probes.ask({
      machine,
      text,
      isFresh: true,
      send: ({ kv }) => kv.compact(CompactionRequest.create({ revision, physical })),
      judge: (_, at, { first, last }) => {
        const made = twin.compactions.find((each) => each.revision === revision && each.index > first);
        answers.expect((made?.index ?? last + 1) <= last, text, () => "a compaction that was not made then");
        if (made === undefined) return "";
        answers.expect(at === twin.revisionAt(made.index), text, () => `revision ${at}`);
        answers.expectDurable(text, made.index);
        world.count("compactions");
        this.#compacted = Math.max(this.#compacted, revision);
        return `compacted at revision ${at}`;
      },
      refused: (error, span) => {
        // What is compacted already includes the revision itself.
        this.#expectRefusal(text, error, revision, { ...span, isFresh: true, isCompacted: (at) => at >= revision });
      },
    });
  }

  #read(machine: Machine, revision: number): void {
    const { probes, answers } = this.#parts;
    const serializable = this.#chance.float() < 0.3;
    const key = `${KEY_PREFIX}${this.#chance.below(this.#parts.world.scenario.load.keys)}`;
    const text = `${machine.name} get ${key} of revision ${revision}${serializable ? " serializable" : ""}`;
    probes.ask({
      machine,
      text,
      isFresh: !serializable,
      send: ({ kv }) => kv.range(RangeRequest.create({ key: bytesOf(key), revision, serializable })),
      judge: ({ kvs }, at, span) => {
        this.#expectReadable(text, revision, at, { ...span, isFresh: !serializable });
        answers.expectContent(text, key, revision, kvs[0]);
        return `${kvs.length} at revision ${at}`;
      },
      refused: (error, span) => this.#expectUnreadable(text, error, revision, { ...span, isFresh: !serializable }),
    });
  }

  /** All or nothing: what its read is refused for, its write is. */
  #txn(machine: Machine, revision: number): void {
    const { probes, answers, twin } = this.#parts;
    const value = `h${this.#written++}`;
    const text = `${machine.name} put ${OWN_KEY} = ${value} and get it of revision ${revision}`;
    const put = PutRequest.create({ key: bytesOf(OWN_KEY), value: bytesOf(value) });
    const get = RangeRequest.create({ key: bytesOf(OWN_KEY), revision });
    const success = [
      { request: { kind: "requestPut", value: put } as const },
      { request: { kind: "requestRange", value: get } as const },
    ];
    probes.ask({
      machine,
      text,
      isFresh: true,
      send: ({ kv }) => kv.txn(TxnRequest.create({ success })),
      judge: ({ responses }, at, span) => {
        const isThis = twin.changesAt(at).some((change) => change.key === OWN_KEY && change.value === value);
        answers.expect(isThis, text, () => `revision ${at}, but that is another change`);
        answers.expectDurable(text, twin.indexOf(at));
        this.#expectReadable(text, revision, at, { ...span, isFresh: true });
        answers.expectContent(text, OWN_KEY, revision, readIn(responses[1]));
        return `written at ${at}`;
      },
      refused: (error, span) => this.#expectUnreadable(text, error, revision, { ...span, isFresh: true }),
    });
  }

  /** Of the same state every member says the same, however far each has got with removing what is compacted. */
  #hash(machine: Machine, revision: number): void {
    const { probes, answers, world } = this.#parts;
    const text = `${machine.name} hash of revision ${revision}`;
    probes.ask({
      machine,
      text,
      isFresh: false,
      send: ({ maintenance }) => maintenance.hashKv(HashKVRequest.create({ revision })),
      judge: ({ hash, compactRevision, hashRevision }, at, span) => {
        this.#expectReadable(text, hashRevision, at, { ...span, isFresh: false });
        answers.expect(hashRevision === revision, text, () => `the hash of revision ${hashRevision}`);
        const state = `${hashRevision} ${compactRevision}`;
        const known = this.#hashes.get(state);
        if (known === undefined) this.#hashes.set(state, { hash, machine: machine.name });
        else world.count("hashes compared");
        answers.expect((known?.hash ?? hash) === hash, text, () => {
          return `${hash}, compacted at ${compactRevision}; ${known?.machine} had said ${known?.hash}`;
        });
        return `${hash}, compacted at ${compactRevision}`;
      },
      refused: (error, span) => this.#expectUnreadable(text, error, revision, { ...span, isFresh: false }),
    });
  }

  // ------------------------------------------------------------------------------------------------------- what is allowed

  /** `at`: the header's revision. Nothing that was compacted before it was asked for, unless by a member that lags; nothing of the future. */
  #expectReadable(text: string, revision: number, at: number, { first, isFresh }: Span & Freshness): void {
    const { twin, answers } = this.#parts;
    const compacted = isFresh ? twin.compactedAt(first) : 0;
    answers.expect(revision >= compacted, text, () => `what had been compacted at ${compacted}`);
    answers.expect(revision <= at, text, () => `revision ${at}`);
  }

  #expectUnreadable(text: string, error: EtcdError, revision: number, span: Span & Freshness): void {
    this.#expectRefusal(text, error, revision, { ...span, isCompacted: (at) => at > revision });
  }

  #expectRefusal(
    text: string,
    error: EtcdError,
    revision: number,
    { first, last, isFresh, isCompacted }: Span & Freshness & { readonly isCompacted: (at: number) => boolean },
  ): void {
    const { twin, answers, world } = this.#parts;
    if (error === ETCD_ERRORS.compacted) {
      world.count("answers: compacted");
      const compacted = twin.compactedAt(last);
      answers.expect(isCompacted(compacted), text, () => `"compacted", and it is so at ${compacted}`);
    }
    if (error === ETCD_ERRORS.futureRevision) {
      world.count("answers: future revision");
      const known = isFresh ? twin.revisionAt(first) : 1;
      answers.expect(revision > known, text, () => `"future revision", and ${known} had been reached`);
    }
  }
}

interface Freshness {
  /** Not a look at what a member has that may lag. */
  readonly isFresh: boolean;
}
