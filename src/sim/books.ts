/** What is known of one machine's log from outside: where it begins, its entries behind that, and who decides by it. */
import { equalBytes } from "../base/bytes.ts";
import type { LogIndex, Term } from "../base/ids.ts";
import type { Configuration, Entry, HardState, LogBase } from "../etcd/model.ts";
import { decodeConfigEntry } from "../etcd/raft/configuration.ts";
import type { SnapshotRecord } from "../etcd/wal/record.ts";

/** A joiner's, which learns from a snapshot who the others are. */
export const NOTHING: LogBase = {
  index: 0 as LogIndex,
  term: 0 as Term,
  configuration: { voters: [], learners: [] },
};

/** What is written and synced together. */
export interface Batch {
  readonly snapshot: Pick<SnapshotRecord, "kind" | "base"> | null;
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
}

interface Configured {
  readonly index: number;
  readonly configuration: Configuration;
}

export class BookedLog {
  #base: LogBase = NOTHING;
  #entries: Entry[] = [];
  /** Those that its entries make, in order. */
  #configured: Configured[] = [];

  constructor(base: LogBase, entries: readonly Entry[] = []) {
    this.#base = base;
    this.#add(entries);
  }

  get base(): LogBase {
    return this.#base;
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  /** In effect by this log, committed or not. */
  get configuration(): Configuration {
    return this.#configured.at(-1)?.configuration ?? this.#base.configuration;
  }

  /** The entries that changed the configuration, behind the base. */
  get configured(): readonly Configured[] {
    return this.#configured;
  }

  /** Behind the base only. */
  at(index: number): Entry | undefined {
    return this.#entries[index - this.#base.index - 1];
  }

  termAt(index: number): number | undefined {
    return index === this.#base.index ? this.#base.term : this.at(index)?.term;
  }

  /** As of an index that is not before the base. */
  configurationAt(index: number): Configuration {
    return this.#configured.findLast((each) => each.index <= index)?.configuration ?? this.#base.configuration;
  }

  copy(): BookedLog {
    const copy = new BookedLog(this.#base);
    copy.#entries = [...this.#entries];
    copy.#configured = [...this.#configured];
    return copy;
  }

  take({ snapshot, entries }: Pick<Batch, "snapshot" | "entries">): void {
    if (snapshot !== null) this.#begin(snapshot);
    const [first] = entries;
    if (first === undefined) return;
    this.#entries.length = Math.min(this.#entries.length, first.index - this.#base.index - 1);
    this.#configured = this.#configured.filter(({ index }) => index < first.index);
    this.#add(entries);
  }

  /** A snapshot that came from elsewhere voids all; one of its own only lets the log begin later. */
  #begin({ kind, base }: NonNullable<Batch["snapshot"]>): void {
    if (kind === "received") {
      this.#entries = [];
      this.#configured = [];
    } else {
      this.#entries.splice(0, base.index - this.#base.index);
      this.#configured = this.#configured.filter(({ index }) => index > base.index);
    }
    this.#base = base;
  }

  #add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#entries.push(entry);
      if (entry.kind !== "config") continue;
      this.#configured.push({ index: entry.index, configuration: decodeConfigEntry(entry).configuration });
    }
  }
}

/** By identity first: what travelled through memory is the same object. */
export function isSameEntry(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.term === other.term && one.kind === other.kind && equalBytes(one.data, other.data);
}

export function isSameLog(one: BookedLog, other: BookedLog): boolean {
  if (!isSameBase(one.base, other.base) || one.lastIndex !== other.lastIndex) return false;
  for (let index = one.base.index + 1; index <= one.lastIndex; index++)
    if (!isSameEntry(one.at(index), other.at(index))) return false;
  return true;
}

export function isSameBase(one: LogBase, other: LogBase): boolean {
  return (
    one.index === other.index && one.term === other.term && isSameConfiguration(one.configuration, other.configuration)
  );
}

export function isSameConfiguration(one: Configuration, other: Configuration): boolean {
  return one.voters.join() === other.voters.join() && one.learners.join() === other.learners.join();
}
