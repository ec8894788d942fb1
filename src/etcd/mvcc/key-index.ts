/**
 * The life of one key: its generations, each from the put that creates the key to the tombstone that ends it, and in each the
 * revisions (main, sub) of its versions. Answers "which version was current at revision r" without touching a value.
 */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";

/** One version of a key: where its value lies (main, sub) and what the index alone knows of it. */
export interface KeyVersion {
  readonly main: Revision;
  readonly sub: number;
  readonly created: Revision;
  /** Puts since creation, from 1. */
  readonly version: number;
}

interface Generation {
  readonly created: Revision;
  /** main, sub, main, sub ... ascending: one flat array costs a third of an array of objects. */
  readonly revisions: number[];
  /** The last pair is a tombstone. */
  ended: boolean;
}

export class KeyIndex {
  /** The one copy of the key's bytes that all versions share. */
  readonly key: Uint8Array;
  #current: Generation;
  /** Generations before the current one, oldest first; null for a key that was never created again. */
  #past: Generation[] | null = null;

  /** Begins with the put that creates the key. */
  constructor(key: Uint8Array, main: Revision, sub: number) {
    this.key = key;
    this.#current = { created: main, revisions: [main, sub], ended: false };
  }

  put(main: Revision, sub: number): void {
    if (!this.#current.ended) {
      append(this.#current, main, sub);
      return;
    }
    this.#past ??= [];
    this.#past.push(this.#current);
    this.#current = { created: main, revisions: [main, sub], ended: false };
  }

  /** Ends the current generation. The key must be alive. */
  tombstone(main: Revision, sub: number): void {
    assert(!this.#current.ended, "only a living key can be deleted", { main, sub });
    append(this.#current, main, sub);
    this.#current.ended = true;
  }

  newest(): KeyVersion | null {
    const generation = this.#current;
    return generation.ended ? null : versionAt(generation, generation.revisions.length / 2 - 1);
  }

  /** The version current at `revision`; null when the key was absent then. */
  at(revision: number): KeyVersion | null {
    const generation = this.#generationAt(revision);
    if (generation === null) return null;
    const position = lastNotAbove(generation.revisions, revision);
    if (generation.ended && position === generation.revisions.length / 2 - 1) return null;
    return versionAt(generation, position);
  }

  /** The newest generation created at or before `revision`. */
  #generationAt(revision: number): Generation | null {
    if (this.#current.created <= revision) return this.#current;
    return this.#past?.findLast(({ created }) => created <= revision) ?? null;
  }
}

function append(generation: Generation, main: Revision, sub: number): void {
  const { revisions } = generation;
  const last = revisions[revisions.length - 2] ?? 0;
  assert(main > last || (main === last && sub > (revisions.at(-1) as number)), "revisions of a key ascend", {
    main,
    sub,
    last,
  });
  revisions.push(main, sub);
}

function versionAt(generation: Generation, position: number): KeyVersion {
  return {
    main: generation.revisions[position * 2] as Revision,
    sub: generation.revisions[position * 2 + 1] as number,
    created: generation.created,
    version: position + 1,
  };
}

/** Position of the last pair whose main revision is at most `revision`; the first one always is. */
function lastNotAbove(revisions: readonly number[], revision: number): number {
  let low = 0;
  let high = revisions.length / 2 - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((revisions[middle * 2] as number) <= revision) low = middle;
    else high = middle - 1;
  }
  return low;
}
