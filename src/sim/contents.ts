/** What a member's buckets hold, compared with what the twin says and with what another member's hold. */
import { BUCKETS, type BucketReader } from "../etcd/backend/backend.ts";
import type { Member } from "../etcd/member.ts";
import { KeyValue } from "../proto/gen/mvccpb.ts";
import { isSame, NEVER_COMPACTED, shownAs, type Twin, type TwinKeyValue } from "./twin.ts";

/** Where the version of a key lies: 8 bytes of revision, "_", 8 bytes of its place within the revision, "t" for a deletion. */
const SUB_AT = 9;
const TOMBSTONE_AT = 17;

/**
 * How the versions of keys differ from the twin's as of a log index; null when they do not. What was compacted may be there still,
 * as long as the store does not call its removal finished: of each key the newest part of it.
 */
export function keysDifference(reader: BucketReader, twin: Twin, index: number): string | null {
  const scheduled = metaRevision(reader, "scheduledCompactRev");
  const compacted = twin.compactedAt(index);
  if (scheduled !== compacted) return `it is compacted at ${scheduled}, not ${compacted}`;
  const finished = metaRevision(reader, "finishedCompactRev");
  const present = reader.range("key", {});
  let next = 0;
  const keys = new Map<string, KeyState>();
  const last = twin.revisionAt(index);
  for (let revision = 2; revision <= last; revision++) {
    for (const [sub, held] of twin.changesAt(revision).entries()) {
      const state = keys.get(held.key) ?? new KeyState(twin, held.key, finished, compacted);
      keys.set(held.key, state);
      const shown = present[next];
      const isThere = shown !== undefined && isAt(shown.key, revision, sub, held.version === 0);
      const wrong = state.next(isThere);
      if (wrong !== null) return `change ${revision}/${sub} of ${last} ${wrong}`;
      if (!isThere) continue;
      next++;
      if (held.version > 0 && !isSame(KeyValue.decode(shown.value), held))
        return `change ${revision}/${sub} is ${shownAs(KeyValue.decode(shown.value))}, not ${shownAs(held)}`;
    }
  }
  const more = present[next];
  return more === undefined ? null : `it holds ${hex(more.key)}, which comes after ${last} or never was`;
}

/** Nothing that is compacted is left to remove. */
export function isCompactionFinished(reader: BucketReader): boolean {
  return metaRevision(reader, "finishedCompactRev") === metaRevision(reader, "scheduledCompactRev");
}

/** Which of a key's versions, asked for one after the other from the oldest on, may and must be there. */
class KeyState {
  /** So many of the oldest must be gone. */
  readonly #gone: number;
  /** From here on all must be there. */
  readonly #kept: number;
  #place = 0;
  #begun = false;

  constructor(twin: Twin, key: string, finished: number, scheduled: number) {
    const versions = twin.versionsOf(key);
    this.#gone = obsoleteAt(versions, finished);
    this.#kept = obsoleteAt(versions, scheduled);
  }

  /** What is wrong with that the next is there, or is not. */
  next(isThere: boolean): string | null {
    const place = this.#place++;
    if (isThere && place < this.#gone) return "is there, though its removal counts as finished";
    if (!isThere && (place >= this.#kept || this.#begun)) return "is missing";
    this.#begun ||= isThere;
    return null;
  }
}

/** How many of a key's oldest versions a compaction lets go: all before the newest of then, and that too if it deleted the key before. */
function obsoleteAt(versions: readonly TwinKeyValue[], revision: number): number {
  const newest = versions.findLastIndex(({ modRevision }) => modRevision <= revision);
  const version = versions[newest];
  if (version === undefined) return 0;
  return version.version === 0 && version.modRevision < revision ? newest + 1 : newest;
}

function isAt(key: Uint8Array, revision: number, sub: number, isDeletion: boolean): boolean {
  const at = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const [main, place] = [Number(at.readBigUInt64BE(0)), Number(at.readBigUInt64BE(SUB_AT))];
  return main === revision && place === sub && isDeletion === key.length > TOMBSTONE_AT;
}

function metaRevision(reader: BucketReader, name: string): number {
  const bytes = reader.get("meta", Buffer.from(name));
  if (bytes === null) return NEVER_COMPACTED;
  return Number(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readBigUInt64BE(0));
}

/** How a member's leases differ from the twin's; null when they do not. */
export function leasesDifference(leases: Member["leases"], twin: Twin): string | null {
  const shown = [...leases.list()].map(
    ({ id, ttlSeconds, remainingSeconds }) =>
      `${id.toString(16)} ${ttlSeconds} ${remainingSeconds} ${leases.keysOf(id).join()}`,
  );
  const held = twin.leases.living.map(
    ({ id, ttlSeconds, checkpoint, keys }) =>
      `${id.toString(16)} ${ttlSeconds} ${checkpoint.remainingSeconds} ${keys.at(-1)?.keys.join() ?? ""}`,
  );
  const [ours, theirs] = [shown.sort().join("; "), held.sort().join("; ")];
  return ours === theirs ? null : `leases ${ours}, not ${theirs}`;
}

/** The first difference between the buckets of two members; null when every byte is the same. */
export function bucketsDifference(one: BucketReader, other: BucketReader): string | null {
  for (const bucket of BUCKETS) {
    const others = other.range(bucket, {})[Symbol.iterator]();
    for (const { key, value } of one.range(bucket, {})) {
      const next = others.next().value as { readonly key: Uint8Array; readonly value: Uint8Array } | undefined;
      if (next === undefined || hex(next.key) !== hex(key)) return `${bucket}: only one has ${hex(key)}`;
      if (hex(next.value) !== hex(value)) return `${bucket}: ${hex(key)} has different values`;
    }
    const { done, value } = others.next();
    if (done !== true) return `${bucket}: only one has ${hex(value.key)}`;
  }
  return null;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
