/** What the log costs in CPU: checksums, writing a batch, reading it back. No disk. */
import type { Bench } from "tinybench";
import { crc32c } from "../../../src/base/crc32c.ts";
import type { LogIndex, Term } from "../../../src/base/ids.ts";
import type { Entry } from "../../../src/etcd/model.ts";
import { encodeBatch, readBatch } from "../../../src/etcd/wal/record.ts";

const ENTRY_BYTES = 320;

export function addTasks(bench: Bench): void {
  const page = new Uint8Array(4096).fill(0x5a);
  bench.add("crc32c of 4 KiB", () => {
    crc32c(page);
  });
  const place = { sequence: 1, offset: 0, number: 1, chain: 0 };
  for (const count of [1, 100]) {
    const batch = { hardState: null, entries: Array.from({ length: count }, (_, index) => entryAt(index + 1)) };
    const { bytes } = encodeBatch(batch, place);
    bench.add(`wal: write a batch of ${count} entries of ${ENTRY_BYTES} bytes`, () => {
      encodeBatch(batch, place);
    });
    bench.add(`wal: read a batch of ${count} entries of ${ENTRY_BYTES} bytes`, () => {
      readBatch(bytes, place);
    });
  }
}

function entryAt(index: number): Entry {
  return { term: 1 as Term, index: index as LogIndex, kind: "normal", data: new Uint8Array(ENTRY_BYTES).fill(index) };
}
