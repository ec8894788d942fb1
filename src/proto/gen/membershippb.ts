// Generated from src/proto/membershippb.proto by `npm run generate`: change that, not this.
import { type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
export interface RaftAttributes {
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

export const RaftAttributes: MessageCodec<RaftAttributes> = messageCodec(
  readRaftAttributes,
  writeRaftAttributes,
  createRaftAttributes,
  () => [
    { name: "peer_urls", key: "peerUrls", type: "string", repeated: true },
    { name: "is_learner", key: "isLearner", type: "bool" },
  ],
);

function createRaftAttributes(partial: Partial<RaftAttributes> = {}): RaftAttributes {
  return { peerUrls: partial.peerUrls ?? [], isLearner: partial.isLearner ?? false };
}

export function readRaftAttributes(r: Reader): RaftAttributes {
  const peerUrls: string[] = [];
  let isLearner: RaftAttributes["isLearner"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        peerUrls.push(r.string());
        break;
      case 16:
        isLearner = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { peerUrls, isLearner };
}

export function writeRaftAttributes(w: Writer, m: RaftAttributes): void {
  if (m.isLearner) {
    w.bool(16, m.isLearner);
  }
  for (let i = m.peerUrls.length - 1; i >= 0; i--) {
    w.string(10, m.peerUrls[i] as string);
  }
}

export interface Attributes {
  readonly name: string;
  readonly clientUrls: readonly string[];
}

export const Attributes: MessageCodec<Attributes> = messageCodec(
  readAttributes,
  writeAttributes,
  createAttributes,
  () => [
    { name: "name", key: "name", type: "string" },
    { name: "client_urls", key: "clientUrls", type: "string", repeated: true },
  ],
);

function createAttributes(partial: Partial<Attributes> = {}): Attributes {
  return { name: partial.name ?? "", clientUrls: partial.clientUrls ?? [] };
}

export function readAttributes(r: Reader): Attributes {
  let name: Attributes["name"] = "";
  const clientUrls: string[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      case 18:
        clientUrls.push(r.string());
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, clientUrls };
}

export function writeAttributes(w: Writer, m: Attributes): void {
  for (let i = m.clientUrls.length - 1; i >= 0; i--) {
    w.string(18, m.clientUrls[i] as string);
  }
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface Member {
  readonly id: bigint;
  readonly raftAttributes: RaftAttributes | null;
  readonly memberAttributes: Attributes | null;
}

export const Member: MessageCodec<Member> = messageCodec(readMember, writeMember, createMember, () => [
  { name: "ID", key: "id", type: "uint64" },
  { name: "raft_attributes", key: "raftAttributes", type: "message", message: RaftAttributes },
  { name: "member_attributes", key: "memberAttributes", type: "message", message: Attributes },
]);

function createMember(partial: Partial<Member> = {}): Member {
  return {
    id: partial.id ?? 0n,
    raftAttributes: partial.raftAttributes ?? null,
    memberAttributes: partial.memberAttributes ?? null,
  };
}

export function readMember(r: Reader): Member {
  let id: Member["id"] = 0n;
  let raftAttributes: Member["raftAttributes"] = null;
  let memberAttributes: Member["memberAttributes"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64Name();
        break;
      case 18: {
        const outer = r.enter();
        raftAttributes = readRaftAttributes(r);
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        memberAttributes = readAttributes(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { id, raftAttributes, memberAttributes };
}

export function writeMember(w: Writer, m: Member): void {
  if (m.memberAttributes !== null) {
    const before = w.length;
    writeAttributes(w, m.memberAttributes);
    w.prefix(26, before);
  }
  if (m.raftAttributes !== null) {
    const before = w.length;
    writeRaftAttributes(w, m.raftAttributes);
    w.prefix(18, before);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface ClusterVersionSetRequest {
  readonly ver: string;
}

export const ClusterVersionSetRequest: MessageCodec<ClusterVersionSetRequest> = messageCodec(
  readClusterVersionSetRequest,
  writeClusterVersionSetRequest,
  createClusterVersionSetRequest,
  () => [{ name: "ver", key: "ver", type: "string" }],
);

function createClusterVersionSetRequest(partial: Partial<ClusterVersionSetRequest> = {}): ClusterVersionSetRequest {
  return { ver: partial.ver ?? "" };
}

export function readClusterVersionSetRequest(r: Reader): ClusterVersionSetRequest {
  let ver: ClusterVersionSetRequest["ver"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        ver = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { ver };
}

export function writeClusterVersionSetRequest(w: Writer, m: ClusterVersionSetRequest): void {
  if (m.ver.length !== 0) {
    w.string(10, m.ver);
  }
}

export interface ClusterMemberAttrSetRequest {
  readonly memberId: bigint;
  readonly memberAttributes: Attributes | null;
}

export const ClusterMemberAttrSetRequest: MessageCodec<ClusterMemberAttrSetRequest> = messageCodec(
  readClusterMemberAttrSetRequest,
  writeClusterMemberAttrSetRequest,
  createClusterMemberAttrSetRequest,
  () => [
    { name: "member_ID", key: "memberId", type: "uint64" },
    { name: "member_attributes", key: "memberAttributes", type: "message", message: Attributes },
  ],
);

function createClusterMemberAttrSetRequest(
  partial: Partial<ClusterMemberAttrSetRequest> = {},
): ClusterMemberAttrSetRequest {
  return { memberId: partial.memberId ?? 0n, memberAttributes: partial.memberAttributes ?? null };
}

export function readClusterMemberAttrSetRequest(r: Reader): ClusterMemberAttrSetRequest {
  let memberId: ClusterMemberAttrSetRequest["memberId"] = 0n;
  let memberAttributes: ClusterMemberAttrSetRequest["memberAttributes"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        memberId = r.uint64Name();
        break;
      case 18: {
        const outer = r.enter();
        memberAttributes = readAttributes(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { memberId, memberAttributes };
}

export function writeClusterMemberAttrSetRequest(w: Writer, m: ClusterMemberAttrSetRequest): void {
  if (m.memberAttributes !== null) {
    const before = w.length;
    writeAttributes(w, m.memberAttributes);
    w.prefix(18, before);
  }
  if (m.memberId !== 0n) {
    w.name(8, m.memberId);
  }
}

export interface DowngradeInfoSetRequest {
  readonly enabled: boolean;
  readonly ver: string;
}

export const DowngradeInfoSetRequest: MessageCodec<DowngradeInfoSetRequest> = messageCodec(
  readDowngradeInfoSetRequest,
  writeDowngradeInfoSetRequest,
  createDowngradeInfoSetRequest,
  () => [
    { name: "enabled", key: "enabled", type: "bool" },
    { name: "ver", key: "ver", type: "string" },
  ],
);

function createDowngradeInfoSetRequest(partial: Partial<DowngradeInfoSetRequest> = {}): DowngradeInfoSetRequest {
  return { enabled: partial.enabled ?? false, ver: partial.ver ?? "" };
}

export function readDowngradeInfoSetRequest(r: Reader): DowngradeInfoSetRequest {
  let enabled: DowngradeInfoSetRequest["enabled"] = false;
  let ver: DowngradeInfoSetRequest["ver"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        enabled = r.bool();
        break;
      case 18:
        ver = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { enabled, ver };
}

export function writeDowngradeInfoSetRequest(w: Writer, m: DowngradeInfoSetRequest): void {
  if (m.ver.length !== 0) {
    w.string(18, m.ver);
  }
  if (m.enabled) {
    w.bool(8, m.enabled);
  }
}
