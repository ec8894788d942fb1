/** A commit's LogBase as bytes: index u64, term u64, voters u32, then the ids of voters and learners, u64 each; big-endian. */
import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { LogBase } from "../model.ts";

const FIXED_BYTES = 20;
const ID_BYTES = 8;

export function encodeBase({ index, term, configuration }: LogBase): Uint8Array {
  const ids = [...configuration.voters, ...configuration.learners];
  const bytes = new Uint8Array(FIXED_BYTES + ids.length * ID_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(index));
  view.setBigUint64(8, BigInt(term));
  view.setUint32(16, configuration.voters.length);
  for (const [at, id] of ids.entries()) view.setBigUint64(FIXED_BYTES + at * ID_BYTES, id);
  return bytes;
}

export function decodeBase(bytes: Uint8Array): LogBase {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ids: MemberId[] = [];
  for (let at = FIXED_BYTES; at < bytes.length; at += ID_BYTES) ids.push(view.getBigUint64(at) as MemberId);
  const voters = view.getUint32(16);
  return {
    index: Number(view.getBigUint64(0)) as LogIndex,
    term: Number(view.getBigUint64(8)) as Term,
    configuration: { voters: ids.slice(0, voters), learners: ids.slice(voters) },
  };
}
