/**
 * Compaction. To compact at a revision takes effect at once: it is recorded in `meta`, and from then on nothing below it may be
 * read. What nobody can read any more is removed afterwards, from the index and from the storage together, in bounded steps: a walk
 * over the keys in order, so no list of what to keep is ever held. A key's changes go in one step or the oldest of them first, so
 * whatever a crash leaves is a store with the same contents, and the walk begins again after it. What `meta` calls finished has
 * nothing left to remove.
 *
 * Whoever reads at one revision over a longer time holds the walk off by a pin.
 */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";
import type { BucketReader } from "../backend/backend.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { Slot } from "./key-table.ts";
import type { Names } from "./names.ts";
import { mainOf, revisionKey } from "./revision-key.ts";
import { KEY_BUCKET, type StoreStorage } from "./storage.ts";

export const NEVER_COMPACTED = -1 as Revision;

/** Of one step. */
export interface StepLimits {
  /** Looked at. */
  readonly keys: number;
  /** Removed. */
  readonly changes: number;
}

const STEP_LIMITS: StepLimits = { keys: 2000, changes: 250 };
const SCHEDULED = Buffer.from("scheduledCompactRev");
const FINISHED = Buffer.from("finishedCompactRev");

interface Waiting {
  readonly revision: number;
  readonly done: () => void;
}

export class Compaction {
  /** There is something to remove where there was nothing. */
  readonly #onWork: () => void;
  #storage: StoreStorage;
  #names: Names;
  #scheduled: Revision;
  #finished: Revision;
  /** The walk under way: what it compacts at, and the first name it has not seen. */
  #walk: { readonly revision: Revision; from: string } | null = null;
  #pins = 0;
  /** Somebody is about to call `step`. */
  #isAwaited = false;
  #waiting: Waiting[] = [];

  constructor(storage: StoreStorage, names: Names, onWork: () => void) {
    this.#onWork = onWork;
    this.#storage = storage;
    this.#names = names;
    this.#scheduled = readRevision(storage, SCHEDULED);
    this.#finished = readRevision(storage, FINISHED);
  }

  /** Nothing below may be read. */
  get revision(): Revision {
    return this.#scheduled > this.#finished ? this.#scheduled : this.#finished;
  }

  /** Whether `step` would do something. */
  get hasWork(): boolean {
    return this.#scheduled > this.#finished && this.#pins === 0;
  }

  schedule(revision: Revision, current: Revision): EtcdError | null {
    if (revision <= this.revision) return ETCD_ERRORS.compacted;
    if (revision > current) return ETCD_ERRORS.futureRevision;
    this.#scheduled = revision;
    this.#storage.put("meta", SCHEDULED, revisionKey(revision, 0, false));
    // A walk under way goes on to its end and is followed by another.
    this.#announce();
    return null;
  }

  /** One bounded slice of removal. True: call again soon. */
  step(limits: StepLimits = STEP_LIMITS): boolean {
    this.#isAwaited = false;
    if (!this.hasWork) return false;
    this.#walk ??= { revision: this.#scheduled, from: "" };
    if (!this.#advance(this.#walk, limits)) {
      this.#finished = this.#walk.revision;
      this.#walk = null;
      this.#storage.put("meta", FINISHED, revisionKey(this.#finished, 0, false));
    }
    this.#storage.unlogged();
    this.#tellFinished();
    this.#isAwaited = this.hasWork;
    return this.#isAwaited;
  }

  /** Calls `done` when what is compacted at `revision` is removed: perhaps at once, perhaps from inside a step. */
  whenFinished(revision: Revision, done: () => void): void {
    this.#waiting.push({ revision, done });
    this.#tellFinished();
  }

  /** Until the returned function is called nothing is removed. */
  pin(): () => void {
    this.#pins++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#pins--;
      this.#announce();
    };
  }

  /** Goes on with another storage and the names in it: pins and waiters stay. */
  moveTo(storage: StoreStorage, names: Names): void {
    this.#storage = storage;
    this.#names = names;
    this.#walk = null;
    this.#scheduled = readRevision(storage, SCHEDULED);
    this.#finished = readRevision(storage, FINISHED);
    this.#isAwaited = false;
    this.#tellFinished();
    this.#announce();
  }

  #announce(): void {
    if (!this.hasWork || this.#isAwaited) return;
    this.#isAwaited = true;
    this.#onWork();
  }

  /** False when the walk is at its end. */
  #advance(walk: { readonly revision: Revision; from: string }, limits: StepLimits): boolean {
    const { table } = this.#names;
    const lean: { readonly slot: Slot; readonly count: number }[] = [];
    let { keys: keysLeft, changes: changesLeft } = limits;
    let last: string | null = null;
    this.#names.ascend(walk.from, null, (slot) => {
      if (keysLeft === 0 || changesLeft === 0) {
        last = table.name(slot);
        return false;
      }
      keysLeft--;
      const obsolete = table.obsoleteAt(slot, walk.revision);
      if (obsolete === 0) return true;
      const count = Math.min(obsolete, changesLeft);
      lean.push({ slot, count });
      changesLeft -= count;
      if (count === obsolete) return true;
      // More of this one in the next step.
      last = table.name(slot);
      return false;
    });
    for (const { slot, count } of lean) this.#drop(slot, count);
    if (last === null) return false;
    walk.from = last;
    return true;
  }

  #drop(slot: Slot, count: number): void {
    const { table } = this.#names;
    const isWhole = count === table.changes(slot);
    table.dropOldest(slot, count, ({ main, sub, version }) => this.#delete(main, sub, version === 0));
    if (!isWhole) return;
    const { main, sub, version } = table.newest(slot);
    assert(version === 0, "the newest version of a living key stays");
    this.#delete(main, sub, true);
    this.#names.remove(slot);
  }

  #delete(main: number, sub: number, isTombstone: boolean): void {
    this.#storage.delete(KEY_BUCKET, revisionKey(main, sub, isTombstone));
  }

  #tellFinished(): void {
    if (this.#waiting.length === 0) return;
    const finished = this.#waiting.filter(({ revision }) => revision <= this.#finished);
    this.#waiting = this.#waiting.filter(({ revision }) => revision > this.#finished);
    for (const { done } of finished) done();
  }
}

function readRevision(storage: BucketReader, name: Uint8Array): Revision {
  const bytes = storage.get("meta", name);
  return bytes === null ? NEVER_COMPACTED : (mainOf(bytes) as Revision);
}
