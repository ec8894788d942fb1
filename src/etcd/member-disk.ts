/**
 * What the member has handed to its log, and the promises that wait for its syncs (D3). At most one sync is under way and nobody
 * waits for it here: its return is one more input (D2).
 */
import type { HardState, PromiseMessage, Ready } from "./model.ts";
import type { MemberStorage } from "./storage.ts";
import type { SnapshotRecord } from "./wal/record.ts";

/** The sync of the Ready of this number has returned, or the log has failed. */
export type Persisted = (number: number, error: Error | null) => void;

export class MemberDisk {
  readonly #storage: MemberStorage;
  readonly #persisted: Persisted;
  #unsaved: HardState | null = null;
  /** Number of the last Ready handed to the log, and of the last that is durable. */
  #handedOut = 0;
  #durable = 0;
  /** Oldest first. */
  #promises: { readonly number: number; readonly messages: readonly PromiseMessage[] }[] = [];

  constructor(storage: MemberStorage, persisted: Persisted) {
    this.#storage = storage;
    this.#persisted = persisted;
  }

  /** Hands over what a Ready wants durable, behind the record of the snapshot that it begins with. */
  persist(ready: Ready, snapshot: SnapshotRecord | null): void {
    const { number, mustSync, entriesToPersist: entries, messagesAfterPersist: messages } = ready;
    const hardState = ready.hardState ?? this.#unsaved;
    // A commit index alone is only a hint: it goes with the next batch that must be synced.
    this.#unsaved = mustSync ? null : hardState;
    if (mustSync) {
      this.#handedOut = number;
      this.#storage.append({ snapshot, hardState, entries }, (error) => this.#returned(number, error));
    }
    if (messages.length > 0) this.#promises.push({ number: this.#handedOut, messages });
  }

  #returned(number: number, error: Error | null): void {
    if (error === null) this.#durable = number;
    this.#persisted(number, error);
  }

  /** The promises that may leave. */
  takeKept(): readonly PromiseMessage[] {
    const kept: PromiseMessage[] = [];
    while (this.#promises.length > 0 && (this.#promises[0]?.number as number) <= this.#durable)
      kept.push(...(this.#promises.shift()?.messages ?? []));
    return kept;
  }

  /** At an orderly end. */
  async close(): Promise<void> {
    if (this.#unsaved !== null)
      this.#storage.append({ snapshot: null, hardState: this.#unsaved, entries: [] }, () => {});
    this.#unsaved = null;
    await this.#storage.close();
  }
}
