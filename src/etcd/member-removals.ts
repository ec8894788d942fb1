/** Physical compactions that wait until what they remove is gone from the store's file, too. */
import type { WriteBuffer } from "./backend/write-buffer.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import type { MvccStore } from "./mvcc/store.ts";

export class Removals {
  readonly #waiting = new Set<(refusal: EtcdError | null) => void>();

  /** The compaction at `revision` is applied. Comes to null when a crash would not bring back what it removes. */
  wait(store: MvccStore, buffer: () => WriteBuffer, revision: number): Promise<EtcdError | null> {
    return new Promise((resolve) => {
      const end = (refusal: EtcdError | null): void => {
        if (this.#waiting.delete(end)) resolve(refusal);
      };
      this.#waiting.add(end);
      store.whenCompacted(revision, () => {
        void buffer()
          .flush()
          .then(() => end(null));
      });
    });
  }

  /** They are answered; the removal goes on after the next start. */
  stop(): void {
    for (const end of this.#waiting) end(ETCD_ERRORS.stopped);
  }
}
