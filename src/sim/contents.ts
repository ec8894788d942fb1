/** What a member's buckets hold, compared with what the twin says and with what another member's hold. */
import { BUCKETS, type BucketReader } from "../etcd/backend/backend.ts";
import { KeyValue } from "../proto/gen/mvccpb.ts";
import { isSame, shownAs, type Twin } from "./twin.ts";

/** Where the version of a key lies: 8 bytes of revision, "_", 8 bytes of its place within the revision, "t" for a deletion. */
const SUB_AT = 9;
const TOMBSTONE_AT = 17;

/** How the versions of keys differ from the twin's as of a log index; null when they do not. */
export function keysDifference(reader: BucketReader, twin: Twin, index: number): string | null {
  const last = twin.revisionAt(index);
  let revision = 2;
  let sub = 0;
  for (const { key, value } of reader.range("key", {})) {
    const at = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
    const [main, place] = [Number(at.readBigUInt64BE(0)), Number(at.readBigUInt64BE(SUB_AT))];
    while (revision < main && sub === twin.changesAt(revision).length) {
      revision++;
      sub = 0;
    }
    if (main !== revision || place !== sub || main > last)
      return `it holds change ${main}/${place}, where ${revision}/${sub} of ${last} comes next`;
    const held = twin.changesAt(main)[place] ?? null;
    const isDeletion = key.length > TOMBSTONE_AT;
    const shown = KeyValue.decode(value);
    if (isDeletion ? held?.version !== 0 : !isSame(shown, held))
      return `change ${main}/${place} is ${isDeletion ? "a deletion" : shownAs(shown)}, not ${shownAs(held)}`;
    sub++;
  }
  while (revision <= last && sub === twin.changesAt(revision).length) {
    revision++;
    sub = 0;
  }
  return revision > last ? null : `it lacks change ${revision}/${sub} of ${last}`;
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
