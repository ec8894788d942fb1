/** How members introduce themselves to each other, and what is said to those who have no business here. */
import { hex, type MemberId } from "../../base/ids.ts";
import type { Hello } from "../../proto/gen/peerpb.ts";
import type { Identity } from "../model.ts";

const PROTOCOL_VERSION = 1;
/** Contract between members: who is told so, stops. */
const REMOVED = "this member has been removed from the cluster";

/** Who introduces itself, and where it can be dialled. */
export interface Introduced {
  readonly identity: Identity;
  readonly peerUrls: readonly string[];
}

export function makeHello({ identity, peerUrls }: Introduced, to: MemberId): Hello {
  return { protocolVersion: PROTOCOL_VERSION, clusterId: identity.cluster, from: identity.member, to, peerUrls };
}

/** Who may speak to a member. */
export interface Acquaintances {
  readonly identity: Identity;
  /** Whether it is a peer, or may become one as far as this member can tell. */
  isWelcome(id: MemberId): boolean;
  isRemoved(id: MemberId): boolean;
}

/** Null: welcome. Otherwise why not. Only a member of the very same cluster hears that it was removed. */
export function refusalOf(hello: Hello | null, { identity, isWelcome, isRemoved }: Acquaintances): string | null {
  if (hello === null) return "the first frame of a peer's stream says who sends it";
  const { protocolVersion, clusterId, to } = hello;
  const from = hello.from as MemberId;
  if (protocolVersion !== PROTOCOL_VERSION)
    return `peer speaks protocol version ${protocolVersion}, this member ${PROTOCOL_VERSION}`;
  if (clusterId !== identity.cluster)
    return `cluster ID mismatch: peer ${hex(from)} belongs to ${hex(clusterId)}, this member to ${hex(identity.cluster)}`;
  if (isRemoved(from)) return REMOVED;
  if (to !== identity.member) return `peer ${hex(from)} looks for member ${hex(to)}, this is ${hex(identity.member)}`;
  return isWelcome(from) ? null : `member ${hex(from)} is not part of this cluster`;
}

export function saysRemoved(refusal: string): boolean {
  return refusal === REMOVED;
}
