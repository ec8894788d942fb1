/** A member as the `members` bucket keeps it: under its id, 8 bytes big-endian, as membershippb.Member. */
import type { MemberId } from "../../base/ids.ts";
import { Attributes, Member, RaftAttributes } from "../../proto/gen/membershippb.ts";
import type { ClusterMember } from "../model.ts";

const ID_BYTES = 8;

export function memberKey(id: MemberId): Uint8Array {
  const key = Buffer.alloc(ID_BYTES);
  key.writeBigUInt64BE(id);
  return key;
}

export function encodeMember({ id, name, peerUrls, clientUrls, isLearner }: ClusterMember): Uint8Array {
  const raftAttributes = RaftAttributes.create({ peerUrls: [...peerUrls], isLearner });
  const memberAttributes = Attributes.create({ name, clientUrls: [...clientUrls] });
  return Member.encode(Member.create({ id, raftAttributes, memberAttributes }));
}

/** Throws `CodecError` when the bytes are no member. */
export function decodeMember(bytes: Uint8Array): ClusterMember {
  const { id, raftAttributes, memberAttributes } = Member.decode(bytes);
  return {
    id: id as MemberId,
    name: memberAttributes?.name ?? "",
    peerUrls: raftAttributes?.peerUrls ?? [],
    clientUrls: memberAttributes?.clientUrls ?? [],
    isLearner: raftAttributes?.isLearner ?? false,
  };
}
