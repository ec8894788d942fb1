/**
 * Compact: takes effect at once, makes no revision, and its answer carries the current one. What it leaves to remove goes in steps
 * between entries; a request that is `physical` waits for that: `store.whenCompacted`, after the entry was applied.
 */
import type { CompactionRequest, CompactionResponse } from "../../proto/gen/etcdserverpb.ts";
import type { EtcdError } from "../errors.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";

export function applyCompaction(
  store: MvccStore,
  { revision }: CompactionRequest,
  makeHeader: MakeHeader,
): CompactionResponse | EtcdError {
  return store.compact(revision) ?? { header: makeHeader(store.revision) };
}
