import { assert } from "../../base/assert.ts";
import type { VerdictKind } from "../model/verdict.ts";
import { ConfigurationSet } from "./configurations.ts";

/** What operations do to a state, as pure functions. States and inputs are compared by their keys. */
export interface Model<State, Input> {
  readonly initial: State;
  /** The state after the operation, or undefined when the operation could not have gone that way here. */
  step(state: State, input: Input): State | undefined;
  /** True when `step` never changes the state: a read, a compare that failed. */
  isPure(input: Input): boolean;
  stateKey(state: State): string | number;
  inputKey(input: Input): string | number;
}

/** An operation that took effect exactly once, at one moment of the closed interval [start, end]. */
export interface KnownOperation<Input> {
  readonly id: number;
  readonly input: Input;
  readonly start: number;
  readonly end: number;
}

/**
 * Interchangeable operations of unknown outcome (D9): each took effect at most once, at any time from its start on, in any one
 * of the given ways.
 */
export interface UncertainClass<Input> {
  /** Ascending: of operations that differ in nothing else, the one called first may as well be the first to take effect. */
  readonly starts: readonly number[];
  readonly ids: readonly number[];
  readonly effects: readonly Input[];
}

export interface SearchHistory<Input> {
  readonly known: readonly KnownOperation<Input>[];
  readonly uncertain: readonly UncertainClass<Input>[];
}

/** Why a history is not linearizable: everything that returned earlier can be put in order, this operation cannot be added. */
export interface Contradiction<State> {
  readonly operation: number;
  /** Other operations that were under way when it returned. */
  readonly concurrent: readonly number[];
  /** The states in which the operations before it can have left the store; at most 8. */
  readonly states: readonly State[];
}

interface Frame {
  /** Length of the trail before this frame linearized anything. */
  readonly trail: number;
  readonly pendingReturn: number;
  readonly uncertainClass: number;
  readonly state: number;
  /** The state before an uncertain effect that nothing has noticed yet; -1 otherwise. */
  readonly unnoticedFrom: number;
  /** Operations by index, then uncertain effects as -1 - index. */
  readonly choices: readonly number[];
  next: number;
}

const ILLEGAL = -1;
const NONE = -1;
const STATES_SHOWN = 8;
/** Known steps of the model are a cache: emptied when it grows past this. */
const TRANSITIONS_MAX = 1 << 21;

/**
 * Is there an order of the operations that respects real time and the model? The search of Wing and Gong with Lowe's memory
 * of configurations ("Testing for linearizability", 2017), iterative and resumable. What differs from the textbook:
 *
 * - A configuration is (first operation whose return is still to be explained, which of the operations open at that return
 *   are linearized, state, uncertain effects used): its size follows concurrency, not length.
 * - A pure operation that is legal now is linearized at once: that can never hurt, so there is no branch.
 * - Of operations with the same input, all open, only the one that returns first is tried.
 * - Uncertain operations are counted by class; a configuration that used no more of any class dominates one that used more,
 *   and an uncertain effect is only tried where the very next operation can tell the difference (else leave it out).
 */
export class LinearizationSearch<State, Input> {
  readonly #model: Model<State, Input>;
  /** Operations in the order of their returns; every array below is indexed by that position. */
  readonly #operations: readonly KnownOperation<Input>[];
  readonly #uncertain: readonly UncertainClass<Input>[];
  readonly #effects: { readonly uncertainClass: number; readonly input: number }[] = [];
  readonly #inputs: Input[] = [];
  readonly #inputIds = new Map<string | number, number>();
  readonly #operationInput: Int32Array;
  readonly #pure: Uint8Array;
  /** Place of each call and return in the one sequence of events; calls come first at equal times (closed intervals). */
  readonly #callAt: Int32Array;
  readonly #returnAt: Int32Array;
  /** Doubly linked list of the events of operations that are not linearized; the head is the element past the last event. */
  readonly #eventOperation: Int32Array;
  readonly #nextEvent: Int32Array;
  readonly #previousEvent: Int32Array;
  /** Each operation's bit in the mask of open linearized operations; bits are used again after a return. */
  readonly #bit: Int32Array;
  readonly #linearized: Uint8Array;
  readonly #mask: Int32Array;
  readonly #used: Int32Array;
  readonly #trail: number[] = [];
  readonly #frames: Frame[] = [];
  readonly #states: State[] = [];
  readonly #stateIds = new Map<string | number, number>();
  readonly #transitions = new Map<number, number>();
  readonly #seen: ConfigurationSet;
  readonly #triedAt: Int32Array;
  readonly #configurationsMax: number;
  #visits = 0;
  #pendingReturn = 0;
  #furthest = 0;
  #steps = 0;
  #verdict: VerdictKind | null = null;

  /** `configurationsMax` bounds memory: past it the verdict is unknown. */
  constructor(model: Model<State, Input>, history: SearchHistory<Input>, configurationsMax = 4_000_000) {
    this.#model = model;
    this.#configurationsMax = configurationsMax;
    this.#operations = [...history.known].sort((a, b) => a.end - b.end || a.start - b.start || a.id - b.id);
    this.#uncertain = history.uncertain;
    const count = this.#operations.length;
    this.#operationInput = Int32Array.from(this.#operations, (operation) => this.#inputId(operation.input));
    for (const [uncertainClass, { starts, effects }] of this.#uncertain.entries()) {
      assert(
        starts.every((start, i) => i === 0 || start >= (starts[i - 1] as number)),
        "uncertain operations are in the order of their calls",
      );
      for (const effect of effects) this.#effects.push({ uncertainClass, input: this.#inputId(effect) });
    }
    this.#pure = Uint8Array.from(this.#inputs, (input) => (model.isPure(input) ? 1 : 0));
    this.#triedAt = new Int32Array(this.#inputs.length);
    this.#callAt = new Int32Array(count);
    this.#returnAt = new Int32Array(count);
    this.#eventOperation = new Int32Array(2 * count);
    this.#bit = new Int32Array(count);
    const bits = this.#layOutEvents();
    this.#nextEvent = Int32Array.from({ length: 2 * count + 1 }, (_, i) => (i === 2 * count ? 0 : i + 1));
    this.#previousEvent = Int32Array.from({ length: 2 * count + 1 }, (_, i) => (i === 0 ? 2 * count : i - 1));
    this.#linearized = new Uint8Array(count);
    this.#mask = new Int32Array(Math.ceil(bits / 32));
    this.#used = new Int32Array(this.#uncertain.length);
    this.#seen = new ConfigurationSet(this.#mask.length, this.#used.length);
  }

  /** Steps spent so far: list elements looked at and choices tried, so that a step costs about the same everywhere. */
  get steps(): number {
    return this.#steps;
  }

  /** Goes on for about `steps` steps. Unknown means undecided so far: call again to go on. */
  run(steps: number): VerdictKind {
    if (this.#verdict !== null) return this.#verdict;
    const limit = this.#steps + steps;
    if (this.#frames.length === 0 && this.#visits === 0) {
      if (this.#enter(this.#stateId(this.#model.initial), NONE, NONE, 0)) return this.#decide("valid");
    }
    while (this.#steps < limit) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) return this.#decide("invalid");
      const choice = frame.choices[frame.next++];
      if (choice === undefined) this.#leave();
      else if (this.#take(frame, choice)) return this.#decide("valid");
      if (this.#seen.size > this.#configurationsMax) return this.#decide("unknown");
    }
    return "unknown";
  }

  /** Only after `run` said invalid. */
  contradiction(): Contradiction<State> {
    assert(this.#verdict === "invalid", "only an invalid history has a contradiction");
    const blocked = this.#operations[this.#furthest] as KnownOperation<Input>;
    const concurrent = this.#operations
      .slice(this.#furthest + 1)
      .filter((_, i) => at(this.#callAt, this.#furthest + 1 + i) < at(this.#returnAt, this.#furthest));
    return {
      operation: blocked.id,
      concurrent: concurrent.map((operation) => operation.id),
      states: this.#seen.statesAt(this.#furthest, STATES_SHOWN).map((id) => this.#states[id] as State),
    };
  }

  #decide(verdict: VerdictKind): VerdictKind {
    this.#verdict = verdict;
    return verdict;
  }

  /** Tries one choice of a frame; true when it completed an order of all operations. */
  #take(frame: Frame, choice: number): boolean {
    this.#steps++;
    const effect = choice < 0 ? this.#effects[-1 - choice] : undefined;
    const input = effect === undefined ? at(this.#operationInput, choice) : effect.input;
    const state = this.#step(frame.state, input);
    if (state === ILLEGAL) return false;
    // Without the uncertain effect before it this operation goes the same way: that order is tried elsewhere and costs less.
    if (frame.unnoticedFrom !== NONE && this.#step(frame.unnoticedFrom, input) === state) return false;
    const trail = this.#trail.length;
    if (effect === undefined) {
      this.#lift(choice);
      return this.#enter(state, NONE, NONE, trail);
    }
    if (state === frame.state) return false;
    this.#used[effect.uncertainClass] = at(this.#used, effect.uncertainClass) + 1;
    return this.#enter(state, frame.state, effect.uncertainClass, trail);
  }

  /** Arrives at a new configuration: pushes a frame for it, or undoes the step when it is known to lead nowhere. */
  #enter(state: number, unnoticedFrom: number, uncertainClass: number, trail: number): boolean {
    const pendingReturn = this.#pendingReturn;
    const noticed = this.#liftLegalPureOperations(state);
    while (this.#pendingReturn < this.#operations.length && this.#linearized[this.#pendingReturn] === 1) {
      this.#flipBit(this.#pendingReturn++);
    }
    this.#visits++;
    const fresh = this.#seen.add(this.#pendingReturn, state, this.#mask, this.#used);
    const done = this.#pendingReturn === this.#operations.length;
    if (this.#pendingReturn > this.#furthest) this.#furthest = this.#pendingReturn;
    this.#frames.push({
      trail,
      pendingReturn,
      uncertainClass,
      state,
      unnoticedFrom: noticed ? NONE : unnoticedFrom,
      choices: done || !fresh ? [] : this.#choices(),
      next: 0,
    });
    return done;
  }

  /** Undoes all that the topmost frame did. */
  #leave(): void {
    const frame = this.#frames.pop();
    assert(frame !== undefined, "there is a frame to leave");
    while (this.#pendingReturn > frame.pendingReturn) this.#flipBit(--this.#pendingReturn);
    while (this.#trail.length > frame.trail) this.#unlift(this.#trail.pop() as number);
    if (frame.uncertainClass !== NONE) {
      this.#used[frame.uncertainClass] = at(this.#used, frame.uncertainClass) - 1;
    }
  }

  #liftLegalPureOperations(state: number): boolean {
    const head = this.#eventOperation.length;
    let lifted = false;
    for (let event = at(this.#nextEvent, head); event !== head; event = at(this.#nextEvent, event)) {
      const operation = at(this.#eventOperation, event);
      if (at(this.#callAt, operation) !== event) break;
      this.#steps++;
      const input = at(this.#operationInput, operation);
      if (this.#pure[input] === 1 && this.#step(state, input) === state) {
        this.#lift(operation);
        lifted = true;
      }
    }
    return lifted;
  }

  /** What may come next, most urgent return first, uncertain effects last. */
  #choices(): number[] {
    const head = this.#eventOperation.length;
    const choices: number[] = [];
    for (let event = at(this.#nextEvent, head); event !== head; event = at(this.#nextEvent, event)) {
      const operation = at(this.#eventOperation, event);
      if (at(this.#callAt, operation) !== event) break;
      this.#steps++;
      if (this.#pure[at(this.#operationInput, operation)] === 0) choices.push(operation);
    }
    if (choices.length > 1) choices.sort((a, b) => a - b);
    let kept = 0;
    for (const operation of choices) {
      const input = at(this.#operationInput, operation);
      if (this.#triedAt[input] === this.#visits) continue;
      this.#triedAt[input] = this.#visits;
      choices[kept++] = operation;
    }
    choices.length = kept;
    const deadline = (this.#operations[this.#pendingReturn] as KnownOperation<Input>).end;
    for (const [index, effect] of this.#effects.entries()) {
      const start = this.#uncertain[effect.uncertainClass]?.starts[at(this.#used, effect.uncertainClass)];
      if (start !== undefined && start <= deadline) choices.push(-1 - index);
    }
    return choices;
  }

  #lift(operation: number): void {
    // The return first: then the call's link still leads to an element of the list while somebody walks it.
    this.#unlink(at(this.#returnAt, operation));
    this.#unlink(at(this.#callAt, operation));
    this.#linearized[operation] = 1;
    this.#flipBit(operation);
    this.#trail.push(operation);
  }

  #unlift(operation: number): void {
    this.#flipBit(operation);
    this.#linearized[operation] = 0;
    this.#relink(at(this.#callAt, operation));
    this.#relink(at(this.#returnAt, operation));
  }

  #unlink(event: number): void {
    const next = at(this.#nextEvent, event);
    const previous = at(this.#previousEvent, event);
    this.#nextEvent[previous] = next;
    this.#previousEvent[next] = previous;
  }

  #relink(event: number): void {
    this.#nextEvent[at(this.#previousEvent, event)] = event;
    this.#previousEvent[at(this.#nextEvent, event)] = event;
  }

  #flipBit(operation: number): void {
    const bit = at(this.#bit, operation);
    this.#mask[bit >>> 5] = at(this.#mask, bit >>> 5) ^ (1 << (bit & 31));
  }

  /** Numbers the events and hands out bits; returns how many bits are in use at once at most. */
  #layOutEvents(): number {
    const byCall = this.#operations.map((_, i) => i);
    byCall.sort((a, b) => this.#operation(a).start - this.#operation(b).start || a - b);
    const free: number[] = [];
    let bits = 0;
    let event = 0;
    let called = 0;
    for (const [returned, operation] of this.#operations.entries()) {
      assert(operation.start <= operation.end, "an operation ends after its start", { id: operation.id });
      for (; called < byCall.length && this.#operation(byCall[called] as number).start <= operation.end; called++) {
        const caller = byCall[called] as number;
        this.#bit[caller] = free.pop() ?? bits++;
        this.#callAt[caller] = event;
        this.#eventOperation[event++] = caller;
      }
      free.push(at(this.#bit, returned));
      this.#returnAt[returned] = event;
      this.#eventOperation[event++] = returned;
    }
    return bits;
  }

  #operation(index: number): KnownOperation<Input> {
    return this.#operations[index] as KnownOperation<Input>;
  }

  #step(state: number, input: number): number {
    const edge = state * this.#inputs.length + input;
    const known = this.#transitions.get(edge);
    if (known !== undefined) return known;
    const next = this.#model.step(this.#states[state] as State, this.#inputs[input] as Input);
    const id = next === undefined ? ILLEGAL : this.#stateId(next);
    if (this.#transitions.size >= TRANSITIONS_MAX) this.#transitions.clear();
    this.#transitions.set(edge, id);
    return id;
  }

  #stateId(state: State): number {
    const key = this.#model.stateKey(state);
    const known = this.#stateIds.get(key);
    if (known !== undefined) return known;
    this.#stateIds.set(key, this.#states.length);
    return this.#states.push(state) - 1;
  }

  #inputId(input: Input): number {
    const key = this.#model.inputKey(input);
    const known = this.#inputIds.get(key);
    if (known !== undefined) return known;
    this.#inputIds.set(key, this.#inputs.length);
    return this.#inputs.push(input) - 1;
  }
}

function at(array: Int32Array, index: number): number {
  return array[index] as number;
}
