/**
 * The life of one key: each change as four numbers, oldest first, the newest in fields of its own because most keys have one. A
 * deletion is a change of version 0; what follows it begins again at version 1. Answers "which version was current at revision r"
 * without touching a value.
 *
 * Compaction at revision r keeps of each key the newest change at or below r and all after it; a tombstone only if it is of r
 * itself, so that a watcher that begins at r sees it (etcd since 3.5.16).
 */
import { assert } from "../../base/assert.ts";

/** One change of a key. */
export interface KeyVersion {
  /** Where its value lies. */
  readonly main: number;
  readonly sub: number;
  /** Main revision of the put that created the key; 0 for a tombstone. */
  readonly created: number;
  /** Puts since creation, from 1; 0 marks a tombstone. */
  readonly version: number;
}

/** Numbers a change takes among the past ones. */
const STRIDE = 4;

/** Itself the newest change: to be read at once, the next one replaces it. */
export class KeyIndex implements KeyVersion {
  /** One character a byte (`keyName`). */
  readonly name: string;
  main: number;
  sub: number;
  created: number;
  version: number;
  /** Main, sub, created, version of each change before the newest; null for none. */
  #past: number[] | null = null;

  /** Begins with a put, or with what compaction has left of an earlier life. */
  constructor(name: string, { main, sub, created, version }: KeyVersion) {
    this.name = name;
    this.main = main;
    this.sub = sub;
    this.created = created;
    this.version = version;
  }

  /** Changes that are known of the key, at least 1. */
  get size(): number {
    return this.#pastSize + 1;
  }

  put(main: number, sub: number): void {
    const isAlive = this.version > 0;
    this.#change(main, sub, isAlive ? this.created : main, this.version + 1);
  }

  tombstone(main: number, sub: number): void {
    assert(this.version > 0, "only a living key can be deleted", { main, sub });
    this.#change(main, sub, 0, 0);
  }

  newest(): KeyVersion | null {
    return this.version > 0 ? this : null;
  }

  /** The version current at `revision`; null when the key was absent then. */
  at(revision: number): KeyVersion | null {
    const change = this.changeAt(revision);
    return change === null || change.version === 0 ? null : change;
  }

  /** The last change at or before `revision`, a tombstone too; null when there was none. */
  changeAt(revision: number): KeyVersion | null {
    if (this.main <= revision) return this;
    const at = this.#lastNotAbove(revision);
    return at === -1 ? null : this.#changeOf(at);
  }

  /** How many of the oldest changes nobody may ask for once everything below `revision` is compacted. */
  obsoleteAt(revision: number): number {
    const last = this.main <= revision ? this.#pastSize : this.#lastNotAbove(revision);
    if (last === -1) return 0;
    const { main, version } = last === this.#pastSize ? this : this.#changeOf(last);
    return version === 0 && main < revision ? last + 1 : last;
  }

  /** Forgets the oldest `count` changes but never the newest, telling each. */
  dropOldest(count: number, told: (change: KeyVersion) => void): void {
    const dropped = Math.min(count, this.#pastSize);
    for (let at = 0; at < dropped; at++) told(this.#changeOf(at));
    if (dropped === this.#pastSize) this.#past = null;
    else this.#past?.splice(0, dropped * STRIDE);
  }

  get #pastSize(): number {
    return this.#past === null ? 0 : this.#past.length / STRIDE;
  }

  #change(main: number, sub: number, created: number, version: number): void {
    assert(main > this.main || (main === this.main && sub > this.sub), "revisions of a key ascend", { main, sub });
    if (this.#past === null) this.#past = [this.main, this.sub, this.created, this.version];
    else this.#past.push(this.main, this.sub, this.created, this.version);
    this.main = main;
    this.sub = sub;
    this.created = created;
    this.version = version;
  }

  #changeOf(position: number): KeyVersion {
    const past = this.#past as number[];
    const at = position * STRIDE;
    return {
      main: past[at] as number,
      sub: past[at + 1] as number,
      created: past[at + 2] as number,
      version: past[at + 3] as number,
    };
  }

  /** Position among the past ones of the last whose main revision is at most `revision`; -1: none. */
  #lastNotAbove(revision: number): number {
    const past = this.#past;
    let low = -1;
    let high = this.#pastSize - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (((past as number[])[middle * STRIDE] as number) <= revision) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
