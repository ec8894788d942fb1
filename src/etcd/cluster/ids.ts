import { createHash } from "node:crypto";
import { assert } from "../../base/assert.ts";
import { type ClusterId, hex, type MemberId } from "../../base/ids.ts";

/**
 * A founding member's id by etcd's rule: the first 8 bytes, big-endian, of SHA-1 over its sorted peer URLs and the cluster's
 * token. So every founder computes every other's id from `--initial-cluster` alone.
 */
export function memberIdOf(peerUrls: readonly string[], token: string): MemberId {
  assert(peerUrls.length > 0, "a member has at least one peer URL");
  return firstWord(Buffer.from([...peerUrls].sort().join("") + token)) as MemberId;
}

/**
 * The id of a member added at `wallMs`, by the same rule: no token, but whole seconds since 1970, and other than in etcd the member
 * that was asked. So who asks two members for the same is told which of them did it.
 */
export function addedMemberIdOf(peerUrls: readonly string[], wallMs: number, asked: MemberId): MemberId {
  return memberIdOf(peerUrls, `${Math.floor(wallMs / 1000)} ${hex(asked)}`);
}

/** The cluster's id by etcd's rule: the first 8 bytes of SHA-1 over its founders' ids, sorted, 8 bytes big-endian each. */
export function clusterIdOf(members: readonly MemberId[]): ClusterId {
  const sorted = [...members].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const bytes = Buffer.alloc(8 * sorted.length);
  sorted.forEach((id, i) => {
    bytes.writeBigUInt64BE(id, 8 * i);
  });
  return firstWord(bytes) as ClusterId;
}

function firstWord(bytes: Uint8Array): bigint {
  return createHash("sha1").update(bytes).digest().readBigUInt64BE(0);
}
