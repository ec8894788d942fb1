// Generated from src/proto/peerpb.proto by `npm run generate`: change that, not this.
import { EMPTY_BYTES, type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
import { Member, readMember, writeMember } from "./membershippb.ts";
export const ChangeKind: {
  readonly ADD_VOTER: 0;
  readonly ADD_LEARNER: 1;
  readonly PROMOTE: 2;
  readonly REMOVE: 3;
  readonly UPDATE: 4;
} = { ADD_VOTER: 0, ADD_LEARNER: 1, PROMOTE: 2, REMOVE: 3, UPDATE: 4 };
export type ChangeKind = (typeof ChangeKind)[keyof typeof ChangeKind];

export const ChangeRefusal: {
  readonly MEMBER_EXISTS: 0;
  readonly MEMBER_UNKNOWN: 1;
  readonly NOT_A_LEARNER: 2;
  readonly LAST_VOTER: 3;
  readonly TOO_MANY_MEMBERS: 4;
  readonly LEARNER_BEHIND: 5;
  readonly CHANGE_PENDING: 6;
  readonly NO_LEADER: 7;
  readonly PEER_URL_EXISTS: 8;
  readonly TOO_MANY_LEARNERS: 9;
} = {
  MEMBER_EXISTS: 0,
  MEMBER_UNKNOWN: 1,
  NOT_A_LEARNER: 2,
  LAST_VOTER: 3,
  TOO_MANY_MEMBERS: 4,
  LEARNER_BEHIND: 5,
  CHANGE_PENDING: 6,
  NO_LEADER: 7,
  PEER_URL_EXISTS: 8,
  TOO_MANY_LEARNERS: 9,
};
export type ChangeRefusal = (typeof ChangeRefusal)[keyof typeof ChangeRefusal];

export interface Frame {
  readonly hello: Hello | null;
  readonly messages: readonly Message[];
}

export const Frame: MessageCodec<Frame> = messageCodec(readFrame, writeFrame, createFrame, () => [
  { name: "hello", key: "hello", type: "message", message: Hello },
  { name: "messages", key: "messages", type: "message", repeated: true, message: Message },
]);

function createFrame(partial: Partial<Frame> = {}): Frame {
  return { hello: partial.hello ?? null, messages: partial.messages ?? [] };
}

export function readFrame(r: Reader): Frame {
  let hello: Frame["hello"] = null;
  const messages: Message[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        hello = readHello(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        messages.push(readMessage(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { hello, messages };
}

export function writeFrame(w: Writer, m: Frame): void {
  for (let i = m.messages.length - 1; i >= 0; i--) {
    const before = w.length;
    writeMessage(w, m.messages[i] as Message);
    w.prefix(18, before);
  }
  if (m.hello !== null) {
    const before = w.length;
    writeHello(w, m.hello);
    w.prefix(10, before);
  }
}

export interface Hello {
  readonly protocolVersion: number;
  readonly clusterId: bigint;
  readonly from: bigint;
  readonly to: bigint;
  readonly peerUrls: readonly string[];
}

export const Hello: MessageCodec<Hello> = messageCodec(readHello, writeHello, createHello, () => [
  { name: "protocol_version", key: "protocolVersion", type: "uint32" },
  { name: "cluster_id", key: "clusterId", type: "uint64" },
  { name: "from", key: "from", type: "uint64" },
  { name: "to", key: "to", type: "uint64" },
  { name: "peer_urls", key: "peerUrls", type: "string", repeated: true },
]);

function createHello(partial: Partial<Hello> = {}): Hello {
  return {
    protocolVersion: partial.protocolVersion ?? 0,
    clusterId: partial.clusterId ?? 0n,
    from: partial.from ?? 0n,
    to: partial.to ?? 0n,
    peerUrls: partial.peerUrls ?? [],
  };
}

export function readHello(r: Reader): Hello {
  let protocolVersion: Hello["protocolVersion"] = 0;
  let clusterId: Hello["clusterId"] = 0n;
  let from: Hello["from"] = 0n;
  let to: Hello["to"] = 0n;
  const peerUrls: string[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        protocolVersion = r.uint32();
        break;
      case 16:
        clusterId = r.uint64Name();
        break;
      case 24:
        from = r.uint64Name();
        break;
      case 32:
        to = r.uint64Name();
        break;
      case 42:
        peerUrls.push(r.string());
        break;
      default:
        r.skip(tag);
    }
  }
  return { protocolVersion, clusterId, from, to, peerUrls };
}

export function writeHello(w: Writer, m: Hello): void {
  for (let i = m.peerUrls.length - 1; i >= 0; i--) {
    w.string(42, m.peerUrls[i] as string);
  }
  if (m.to !== 0n) {
    w.name(32, m.to);
  }
  if (m.from !== 0n) {
    w.name(24, m.from);
  }
  if (m.clusterId !== 0n) {
    w.name(16, m.clusterId);
  }
  if (m.protocolVersion !== 0) {
    w.uint32(8, m.protocolVersion);
  }
}

export interface Welcome {}

export const Welcome: MessageCodec<Welcome> = messageCodec(readWelcome, writeWelcome, createWelcome, () => []);

function createWelcome(_partial: Partial<Welcome> = {}): Welcome {
  return {};
}

export function readWelcome(r: Reader): Welcome {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeWelcome(_w: Writer, _m: Welcome): void {}

export interface SnapshotPart {
  readonly part:
    | { readonly kind: "start"; readonly value: SnapshotStart }
    | { readonly kind: "bytes"; readonly value: Uint8Array }
    | { readonly kind: "end"; readonly value: SnapshotEnd }
    | null;
}

export const SnapshotPart: MessageCodec<SnapshotPart> = messageCodec(
  readSnapshotPart,
  writeSnapshotPart,
  createSnapshotPart,
  () => [
    { name: "start", key: "start", type: "message", oneof: "part", message: SnapshotStart },
    { name: "bytes", key: "bytes", type: "bytes", oneof: "part" },
    { name: "end", key: "end", type: "message", oneof: "part", message: SnapshotEnd },
  ],
);

function createSnapshotPart(partial: Partial<SnapshotPart> = {}): SnapshotPart {
  return { part: partial.part ?? null };
}

export function readSnapshotPart(r: Reader): SnapshotPart {
  let part: SnapshotPart["part"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        part = { kind: "start", value: readSnapshotStart(r) };
        r.leave(outer);
        break;
      }
      case 18:
        part = { kind: "bytes", value: r.bytes() };
        break;
      case 26: {
        const outer = r.enter();
        part = { kind: "end", value: readSnapshotEnd(r) };
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { part };
}

export function writeSnapshotPart(w: Writer, m: SnapshotPart): void {
  if (m.part !== null) {
    switch (m.part.kind) {
      case "start": {
        const before = w.length;
        writeSnapshotStart(w, m.part.value);
        w.prefix(10, before);
        break;
      }
      case "bytes":
        w.bytes(18, m.part.value);
        break;
      case "end": {
        const before = w.length;
        writeSnapshotEnd(w, m.part.value);
        w.prefix(26, before);
        break;
      }
    }
  }
}

export interface SnapshotStart {
  readonly hello: Hello | null;
  readonly header: Uint8Array;
  readonly bytes: number;
}

export const SnapshotStart: MessageCodec<SnapshotStart> = messageCodec(
  readSnapshotStart,
  writeSnapshotStart,
  createSnapshotStart,
  () => [
    { name: "hello", key: "hello", type: "message", message: Hello },
    { name: "header", key: "header", type: "bytes" },
    { name: "bytes", key: "bytes", type: "uint64" },
  ],
);

function createSnapshotStart(partial: Partial<SnapshotStart> = {}): SnapshotStart {
  return { hello: partial.hello ?? null, header: partial.header ?? EMPTY_BYTES, bytes: partial.bytes ?? 0 };
}

export function readSnapshotStart(r: Reader): SnapshotStart {
  let hello: SnapshotStart["hello"] = null;
  let header: SnapshotStart["header"] = EMPTY_BYTES;
  let bytes: SnapshotStart["bytes"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        hello = readHello(r);
        r.leave(outer);
        break;
      }
      case 18:
        header = r.bytes();
        break;
      case 24:
        bytes = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { hello, header, bytes };
}

export function writeSnapshotStart(w: Writer, m: SnapshotStart): void {
  if (m.bytes !== 0) {
    w.uint64(24, m.bytes);
  }
  if (m.header.length !== 0) {
    w.bytes(18, m.header);
  }
  if (m.hello !== null) {
    const before = w.length;
    writeHello(w, m.hello);
    w.prefix(10, before);
  }
}

export interface SnapshotEnd {
  readonly checksum: number;
}

export const SnapshotEnd: MessageCodec<SnapshotEnd> = messageCodec(
  readSnapshotEnd,
  writeSnapshotEnd,
  createSnapshotEnd,
  () => [{ name: "checksum", key: "checksum", type: "uint32" }],
);

function createSnapshotEnd(partial: Partial<SnapshotEnd> = {}): SnapshotEnd {
  return { checksum: partial.checksum ?? 0 };
}

export function readSnapshotEnd(r: Reader): SnapshotEnd {
  let checksum: SnapshotEnd["checksum"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        checksum = r.uint32();
        break;
      default:
        r.skip(tag);
    }
  }
  return { checksum };
}

export function writeSnapshotEnd(w: Writer, m: SnapshotEnd): void {
  if (m.checksum !== 0) {
    w.uint32(8, m.checksum);
  }
}

export interface SnapshotAnswer {
  readonly taken: boolean;
}

export const SnapshotAnswer: MessageCodec<SnapshotAnswer> = messageCodec(
  readSnapshotAnswer,
  writeSnapshotAnswer,
  createSnapshotAnswer,
  () => [{ name: "taken", key: "taken", type: "bool" }],
);

function createSnapshotAnswer(partial: Partial<SnapshotAnswer> = {}): SnapshotAnswer {
  return { taken: partial.taken ?? false };
}

export function readSnapshotAnswer(r: Reader): SnapshotAnswer {
  let taken: SnapshotAnswer["taken"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        taken = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { taken };
}

export function writeSnapshotAnswer(w: Writer, m: SnapshotAnswer): void {
  if (m.taken) {
    w.bool(8, m.taken);
  }
}

export interface Question {
  readonly hello: Hello | null;
  readonly question: Uint8Array;
}

export const Question: MessageCodec<Question> = messageCodec(readQuestion, writeQuestion, createQuestion, () => [
  { name: "hello", key: "hello", type: "message", message: Hello },
  { name: "question", key: "question", type: "bytes" },
]);

function createQuestion(partial: Partial<Question> = {}): Question {
  return { hello: partial.hello ?? null, question: partial.question ?? EMPTY_BYTES };
}

export function readQuestion(r: Reader): Question {
  let hello: Question["hello"] = null;
  let question: Question["question"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        hello = readHello(r);
        r.leave(outer);
        break;
      }
      case 18:
        question = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { hello, question };
}

export function writeQuestion(w: Writer, m: Question): void {
  if (m.question.length !== 0) {
    w.bytes(18, m.question);
  }
  if (m.hello !== null) {
    const before = w.length;
    writeHello(w, m.hello);
    w.prefix(10, before);
  }
}

export interface Reply {
  readonly answered: boolean;
  readonly answer: Uint8Array;
}

export const Reply: MessageCodec<Reply> = messageCodec(readReply, writeReply, createReply, () => [
  { name: "answered", key: "answered", type: "bool" },
  { name: "answer", key: "answer", type: "bytes" },
]);

function createReply(partial: Partial<Reply> = {}): Reply {
  return { answered: partial.answered ?? false, answer: partial.answer ?? EMPTY_BYTES };
}

export function readReply(r: Reader): Reply {
  let answered: Reply["answered"] = false;
  let answer: Reply["answer"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        answered = r.bool();
        break;
      case 18:
        answer = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { answered, answer };
}

export function writeReply(w: Writer, m: Reply): void {
  if (m.answer.length !== 0) {
    w.bytes(18, m.answer);
  }
  if (m.answered) {
    w.bool(8, m.answered);
  }
}

export interface DescribeRequest {}

export const DescribeRequest: MessageCodec<DescribeRequest> = messageCodec(
  readDescribeRequest,
  writeDescribeRequest,
  createDescribeRequest,
  () => [],
);

function createDescribeRequest(_partial: Partial<DescribeRequest> = {}): DescribeRequest {
  return {};
}

export function readDescribeRequest(r: Reader): DescribeRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeDescribeRequest(_w: Writer, _m: DescribeRequest): void {}

export interface ClusterDescription {
  readonly clusterId: bigint;
  readonly members: readonly Member[];
}

export const ClusterDescription: MessageCodec<ClusterDescription> = messageCodec(
  readClusterDescription,
  writeClusterDescription,
  createClusterDescription,
  () => [
    { name: "cluster_id", key: "clusterId", type: "uint64" },
    { name: "members", key: "members", type: "message", repeated: true, message: Member },
  ],
);

function createClusterDescription(partial: Partial<ClusterDescription> = {}): ClusterDescription {
  return { clusterId: partial.clusterId ?? 0n, members: partial.members ?? [] };
}

export function readClusterDescription(r: Reader): ClusterDescription {
  let clusterId: ClusterDescription["clusterId"] = 0n;
  const members: Member[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        clusterId = r.uint64Name();
        break;
      case 18: {
        const outer = r.enter();
        members.push(readMember(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { clusterId, members };
}

export function writeClusterDescription(w: Writer, m: ClusterDescription): void {
  for (let i = m.members.length - 1; i >= 0; i--) {
    const before = w.length;
    writeMember(w, m.members[i] as Member);
    w.prefix(18, before);
  }
  if (m.clusterId !== 0n) {
    w.name(8, m.clusterId);
  }
}

export interface Message {
  readonly term: number;
  readonly body:
    | { readonly kind: "append"; readonly value: Append }
    | { readonly kind: "appendResponse"; readonly value: AppendResponse }
    | { readonly kind: "heartbeat"; readonly value: Heartbeat }
    | { readonly kind: "heartbeatResponse"; readonly value: HeartbeatResponse }
    | { readonly kind: "preVote"; readonly value: VoteRequest }
    | { readonly kind: "preVoteResponse"; readonly value: VoteResponse }
    | { readonly kind: "vote"; readonly value: VoteRequest }
    | { readonly kind: "voteResponse"; readonly value: VoteResponse }
    | { readonly kind: "propose"; readonly value: Propose }
    | { readonly kind: "readIndex"; readonly value: ReadIndex }
    | { readonly kind: "readIndexResponse"; readonly value: ReadIndexResponse }
    | { readonly kind: "proposeChange"; readonly value: ProposeChange }
    | { readonly kind: "changeRefused"; readonly value: ChangeRefused }
    | { readonly kind: "timeoutNow"; readonly value: TimeoutNow }
    | { readonly kind: "proposeRefused"; readonly value: ProposeRefused }
    | null;
}

export const Message: MessageCodec<Message> = messageCodec(readMessage, writeMessage, createMessage, () => [
  { name: "term", key: "term", type: "uint64" },
  { name: "append", key: "append", type: "message", oneof: "body", message: Append },
  { name: "append_response", key: "appendResponse", type: "message", oneof: "body", message: AppendResponse },
  { name: "heartbeat", key: "heartbeat", type: "message", oneof: "body", message: Heartbeat },
  { name: "heartbeat_response", key: "heartbeatResponse", type: "message", oneof: "body", message: HeartbeatResponse },
  { name: "pre_vote", key: "preVote", type: "message", oneof: "body", message: VoteRequest },
  { name: "pre_vote_response", key: "preVoteResponse", type: "message", oneof: "body", message: VoteResponse },
  { name: "vote", key: "vote", type: "message", oneof: "body", message: VoteRequest },
  { name: "vote_response", key: "voteResponse", type: "message", oneof: "body", message: VoteResponse },
  { name: "propose", key: "propose", type: "message", oneof: "body", message: Propose },
  { name: "read_index", key: "readIndex", type: "message", oneof: "body", message: ReadIndex },
  { name: "read_index_response", key: "readIndexResponse", type: "message", oneof: "body", message: ReadIndexResponse },
  { name: "propose_change", key: "proposeChange", type: "message", oneof: "body", message: ProposeChange },
  { name: "change_refused", key: "changeRefused", type: "message", oneof: "body", message: ChangeRefused },
  { name: "timeout_now", key: "timeoutNow", type: "message", oneof: "body", message: TimeoutNow },
  { name: "propose_refused", key: "proposeRefused", type: "message", oneof: "body", message: ProposeRefused },
]);

function createMessage(partial: Partial<Message> = {}): Message {
  return { term: partial.term ?? 0, body: partial.body ?? null };
}

export function readMessage(r: Reader): Message {
  let term: Message["term"] = 0;
  let body: Message["body"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        term = r.uint64();
        break;
      case 18: {
        const outer = r.enter();
        body = { kind: "append", value: readAppend(r) };
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        body = { kind: "appendResponse", value: readAppendResponse(r) };
        r.leave(outer);
        break;
      }
      case 34: {
        const outer = r.enter();
        body = { kind: "heartbeat", value: readHeartbeat(r) };
        r.leave(outer);
        break;
      }
      case 42: {
        const outer = r.enter();
        body = { kind: "heartbeatResponse", value: readHeartbeatResponse(r) };
        r.leave(outer);
        break;
      }
      case 50: {
        const outer = r.enter();
        body = { kind: "preVote", value: readVoteRequest(r) };
        r.leave(outer);
        break;
      }
      case 58: {
        const outer = r.enter();
        body = { kind: "preVoteResponse", value: readVoteResponse(r) };
        r.leave(outer);
        break;
      }
      case 66: {
        const outer = r.enter();
        body = { kind: "vote", value: readVoteRequest(r) };
        r.leave(outer);
        break;
      }
      case 74: {
        const outer = r.enter();
        body = { kind: "voteResponse", value: readVoteResponse(r) };
        r.leave(outer);
        break;
      }
      case 82: {
        const outer = r.enter();
        body = { kind: "propose", value: readPropose(r) };
        r.leave(outer);
        break;
      }
      case 90: {
        const outer = r.enter();
        body = { kind: "readIndex", value: readReadIndex(r) };
        r.leave(outer);
        break;
      }
      case 98: {
        const outer = r.enter();
        body = { kind: "readIndexResponse", value: readReadIndexResponse(r) };
        r.leave(outer);
        break;
      }
      case 106: {
        const outer = r.enter();
        body = { kind: "proposeChange", value: readProposeChange(r) };
        r.leave(outer);
        break;
      }
      case 114: {
        const outer = r.enter();
        body = { kind: "changeRefused", value: readChangeRefused(r) };
        r.leave(outer);
        break;
      }
      case 122: {
        const outer = r.enter();
        body = { kind: "timeoutNow", value: readTimeoutNow(r) };
        r.leave(outer);
        break;
      }
      case 130: {
        const outer = r.enter();
        body = { kind: "proposeRefused", value: readProposeRefused(r) };
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { term, body };
}

export function writeMessage(w: Writer, m: Message): void {
  if (m.body !== null) {
    switch (m.body.kind) {
      case "append": {
        const before = w.length;
        writeAppend(w, m.body.value);
        w.prefix(18, before);
        break;
      }
      case "appendResponse": {
        const before = w.length;
        writeAppendResponse(w, m.body.value);
        w.prefix(26, before);
        break;
      }
      case "heartbeat": {
        const before = w.length;
        writeHeartbeat(w, m.body.value);
        w.prefix(34, before);
        break;
      }
      case "heartbeatResponse": {
        const before = w.length;
        writeHeartbeatResponse(w, m.body.value);
        w.prefix(42, before);
        break;
      }
      case "preVote": {
        const before = w.length;
        writeVoteRequest(w, m.body.value);
        w.prefix(50, before);
        break;
      }
      case "preVoteResponse": {
        const before = w.length;
        writeVoteResponse(w, m.body.value);
        w.prefix(58, before);
        break;
      }
      case "vote": {
        const before = w.length;
        writeVoteRequest(w, m.body.value);
        w.prefix(66, before);
        break;
      }
      case "voteResponse": {
        const before = w.length;
        writeVoteResponse(w, m.body.value);
        w.prefix(74, before);
        break;
      }
      case "propose": {
        const before = w.length;
        writePropose(w, m.body.value);
        w.prefix(82, before);
        break;
      }
      case "readIndex": {
        const before = w.length;
        writeReadIndex(w, m.body.value);
        w.prefix(90, before);
        break;
      }
      case "readIndexResponse": {
        const before = w.length;
        writeReadIndexResponse(w, m.body.value);
        w.prefix(98, before);
        break;
      }
      case "proposeChange": {
        const before = w.length;
        writeProposeChange(w, m.body.value);
        w.prefix(106, before);
        break;
      }
      case "changeRefused": {
        const before = w.length;
        writeChangeRefused(w, m.body.value);
        w.prefix(114, before);
        break;
      }
      case "timeoutNow": {
        const before = w.length;
        writeTimeoutNow(w, m.body.value);
        w.prefix(122, before);
        break;
      }
      case "proposeRefused": {
        const before = w.length;
        writeProposeRefused(w, m.body.value);
        w.prefix(130, before);
        break;
      }
    }
  }
  if (m.term !== 0) {
    w.uint64(8, m.term);
  }
}

export interface Entry {
  readonly term: number;
  readonly index: number;
  readonly config: boolean;
  readonly data: Uint8Array;
}

export const Entry: MessageCodec<Entry> = messageCodec(readEntry, writeEntry, createEntry, () => [
  { name: "term", key: "term", type: "uint64" },
  { name: "index", key: "index", type: "uint64" },
  { name: "config", key: "config", type: "bool" },
  { name: "data", key: "data", type: "bytes" },
]);

function createEntry(partial: Partial<Entry> = {}): Entry {
  return {
    term: partial.term ?? 0,
    index: partial.index ?? 0,
    config: partial.config ?? false,
    data: partial.data ?? EMPTY_BYTES,
  };
}

export function readEntry(r: Reader): Entry {
  let term: Entry["term"] = 0;
  let index: Entry["index"] = 0;
  let config: Entry["config"] = false;
  let data: Entry["data"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        term = r.uint64();
        break;
      case 16:
        index = r.uint64();
        break;
      case 24:
        config = r.bool();
        break;
      case 34:
        data = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { term, index, config, data };
}

export function writeEntry(w: Writer, m: Entry): void {
  if (m.data.length !== 0) {
    w.bytes(34, m.data);
  }
  if (m.config) {
    w.bool(24, m.config);
  }
  if (m.index !== 0) {
    w.uint64(16, m.index);
  }
  if (m.term !== 0) {
    w.uint64(8, m.term);
  }
}

export interface Append {
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly commit: number;
  readonly entries: readonly Entry[];
}

export const Append: MessageCodec<Append> = messageCodec(readAppend, writeAppend, createAppend, () => [
  { name: "previous_index", key: "previousIndex", type: "uint64" },
  { name: "previous_term", key: "previousTerm", type: "uint64" },
  { name: "commit", key: "commit", type: "uint64" },
  { name: "entries", key: "entries", type: "message", repeated: true, message: Entry },
]);

function createAppend(partial: Partial<Append> = {}): Append {
  return {
    previousIndex: partial.previousIndex ?? 0,
    previousTerm: partial.previousTerm ?? 0,
    commit: partial.commit ?? 0,
    entries: partial.entries ?? [],
  };
}

export function readAppend(r: Reader): Append {
  let previousIndex: Append["previousIndex"] = 0;
  let previousTerm: Append["previousTerm"] = 0;
  let commit: Append["commit"] = 0;
  const entries: Entry[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        previousIndex = r.uint64();
        break;
      case 16:
        previousTerm = r.uint64();
        break;
      case 24:
        commit = r.uint64();
        break;
      case 34: {
        const outer = r.enter();
        entries.push(readEntry(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { previousIndex, previousTerm, commit, entries };
}

export function writeAppend(w: Writer, m: Append): void {
  for (let i = m.entries.length - 1; i >= 0; i--) {
    const before = w.length;
    writeEntry(w, m.entries[i] as Entry);
    w.prefix(34, before);
  }
  if (m.commit !== 0) {
    w.uint64(24, m.commit);
  }
  if (m.previousTerm !== 0) {
    w.uint64(16, m.previousTerm);
  }
  if (m.previousIndex !== 0) {
    w.uint64(8, m.previousIndex);
  }
}

export interface AppendResponse {
  readonly index: number;
  readonly rejected: Rejection | null;
}

export const AppendResponse: MessageCodec<AppendResponse> = messageCodec(
  readAppendResponse,
  writeAppendResponse,
  createAppendResponse,
  () => [
    { name: "index", key: "index", type: "uint64" },
    { name: "rejected", key: "rejected", type: "message", message: Rejection },
  ],
);

function createAppendResponse(partial: Partial<AppendResponse> = {}): AppendResponse {
  return { index: partial.index ?? 0, rejected: partial.rejected ?? null };
}

export function readAppendResponse(r: Reader): AppendResponse {
  let index: AppendResponse["index"] = 0;
  let rejected: AppendResponse["rejected"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        index = r.uint64();
        break;
      case 18: {
        const outer = r.enter();
        rejected = readRejection(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { index, rejected };
}

export function writeAppendResponse(w: Writer, m: AppendResponse): void {
  if (m.rejected !== null) {
    const before = w.length;
    writeRejection(w, m.rejected);
    w.prefix(18, before);
  }
  if (m.index !== 0) {
    w.uint64(8, m.index);
  }
}

export interface Rejection {
  readonly hintIndex: number;
  readonly hintTerm: number;
}

export const Rejection: MessageCodec<Rejection> = messageCodec(readRejection, writeRejection, createRejection, () => [
  { name: "hint_index", key: "hintIndex", type: "uint64" },
  { name: "hint_term", key: "hintTerm", type: "uint64" },
]);

function createRejection(partial: Partial<Rejection> = {}): Rejection {
  return { hintIndex: partial.hintIndex ?? 0, hintTerm: partial.hintTerm ?? 0 };
}

export function readRejection(r: Reader): Rejection {
  let hintIndex: Rejection["hintIndex"] = 0;
  let hintTerm: Rejection["hintTerm"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        hintIndex = r.uint64();
        break;
      case 16:
        hintTerm = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { hintIndex, hintTerm };
}

export function writeRejection(w: Writer, m: Rejection): void {
  if (m.hintTerm !== 0) {
    w.uint64(16, m.hintTerm);
  }
  if (m.hintIndex !== 0) {
    w.uint64(8, m.hintIndex);
  }
}

export interface Heartbeat {
  readonly commit: number;
  readonly readRound: number;
}

export const Heartbeat: MessageCodec<Heartbeat> = messageCodec(readHeartbeat, writeHeartbeat, createHeartbeat, () => [
  { name: "commit", key: "commit", type: "uint64" },
  { name: "read_round", key: "readRound", type: "uint64" },
]);

function createHeartbeat(partial: Partial<Heartbeat> = {}): Heartbeat {
  return { commit: partial.commit ?? 0, readRound: partial.readRound ?? 0 };
}

export function readHeartbeat(r: Reader): Heartbeat {
  let commit: Heartbeat["commit"] = 0;
  let readRound: Heartbeat["readRound"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        commit = r.uint64();
        break;
      case 16:
        readRound = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { commit, readRound };
}

export function writeHeartbeat(w: Writer, m: Heartbeat): void {
  if (m.readRound !== 0) {
    w.uint64(16, m.readRound);
  }
  if (m.commit !== 0) {
    w.uint64(8, m.commit);
  }
}

export interface HeartbeatResponse {
  readonly readRound: number;
}

export const HeartbeatResponse: MessageCodec<HeartbeatResponse> = messageCodec(
  readHeartbeatResponse,
  writeHeartbeatResponse,
  createHeartbeatResponse,
  () => [{ name: "read_round", key: "readRound", type: "uint64" }],
);

function createHeartbeatResponse(partial: Partial<HeartbeatResponse> = {}): HeartbeatResponse {
  return { readRound: partial.readRound ?? 0 };
}

export function readHeartbeatResponse(r: Reader): HeartbeatResponse {
  let readRound: HeartbeatResponse["readRound"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        readRound = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { readRound };
}

export function writeHeartbeatResponse(w: Writer, m: HeartbeatResponse): void {
  if (m.readRound !== 0) {
    w.uint64(8, m.readRound);
  }
}

export interface VoteRequest {
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly transfer: boolean;
}

export const VoteRequest: MessageCodec<VoteRequest> = messageCodec(
  readVoteRequest,
  writeVoteRequest,
  createVoteRequest,
  () => [
    { name: "last_index", key: "lastIndex", type: "uint64" },
    { name: "last_term", key: "lastTerm", type: "uint64" },
    { name: "transfer", key: "transfer", type: "bool" },
  ],
);

function createVoteRequest(partial: Partial<VoteRequest> = {}): VoteRequest {
  return { lastIndex: partial.lastIndex ?? 0, lastTerm: partial.lastTerm ?? 0, transfer: partial.transfer ?? false };
}

export function readVoteRequest(r: Reader): VoteRequest {
  let lastIndex: VoteRequest["lastIndex"] = 0;
  let lastTerm: VoteRequest["lastTerm"] = 0;
  let transfer: VoteRequest["transfer"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        lastIndex = r.uint64();
        break;
      case 16:
        lastTerm = r.uint64();
        break;
      case 24:
        transfer = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { lastIndex, lastTerm, transfer };
}

export function writeVoteRequest(w: Writer, m: VoteRequest): void {
  if (m.transfer) {
    w.bool(24, m.transfer);
  }
  if (m.lastTerm !== 0) {
    w.uint64(16, m.lastTerm);
  }
  if (m.lastIndex !== 0) {
    w.uint64(8, m.lastIndex);
  }
}

export interface VoteResponse {
  readonly granted: boolean;
}

export const VoteResponse: MessageCodec<VoteResponse> = messageCodec(
  readVoteResponse,
  writeVoteResponse,
  createVoteResponse,
  () => [{ name: "granted", key: "granted", type: "bool" }],
);

function createVoteResponse(partial: Partial<VoteResponse> = {}): VoteResponse {
  return { granted: partial.granted ?? false };
}

export function readVoteResponse(r: Reader): VoteResponse {
  let granted: VoteResponse["granted"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        granted = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { granted };
}

export function writeVoteResponse(w: Writer, m: VoteResponse): void {
  if (m.granted) {
    w.bool(8, m.granted);
  }
}

export interface Propose {
  readonly sequence: number;
  readonly data: readonly Uint8Array[];
}

export const Propose: MessageCodec<Propose> = messageCodec(readPropose, writePropose, createPropose, () => [
  { name: "sequence", key: "sequence", type: "uint64" },
  { name: "data", key: "data", type: "bytes", repeated: true },
]);

function createPropose(partial: Partial<Propose> = {}): Propose {
  return { sequence: partial.sequence ?? 0, data: partial.data ?? [] };
}

export function readPropose(r: Reader): Propose {
  let sequence: Propose["sequence"] = 0;
  const data: Uint8Array[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        sequence = r.uint64();
        break;
      case 18:
        data.push(r.bytes());
        break;
      default:
        r.skip(tag);
    }
  }
  return { sequence, data };
}

export function writePropose(w: Writer, m: Propose): void {
  for (let i = m.data.length - 1; i >= 0; i--) {
    w.bytes(18, m.data[i] as Uint8Array);
  }
  if (m.sequence !== 0) {
    w.uint64(8, m.sequence);
  }
}

export interface ProposeRefused {
  readonly sequence: number;
  readonly taken: number;
}

export const ProposeRefused: MessageCodec<ProposeRefused> = messageCodec(
  readProposeRefused,
  writeProposeRefused,
  createProposeRefused,
  () => [
    { name: "sequence", key: "sequence", type: "uint64" },
    { name: "taken", key: "taken", type: "uint64" },
  ],
);

function createProposeRefused(partial: Partial<ProposeRefused> = {}): ProposeRefused {
  return { sequence: partial.sequence ?? 0, taken: partial.taken ?? 0 };
}

export function readProposeRefused(r: Reader): ProposeRefused {
  let sequence: ProposeRefused["sequence"] = 0;
  let taken: ProposeRefused["taken"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        sequence = r.uint64();
        break;
      case 16:
        taken = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { sequence, taken };
}

export function writeProposeRefused(w: Writer, m: ProposeRefused): void {
  if (m.taken !== 0) {
    w.uint64(16, m.taken);
  }
  if (m.sequence !== 0) {
    w.uint64(8, m.sequence);
  }
}

export interface ReadIndex {
  readonly id: number;
}

export const ReadIndex: MessageCodec<ReadIndex> = messageCodec(readReadIndex, writeReadIndex, createReadIndex, () => [
  { name: "id", key: "id", type: "uint64" },
]);

function createReadIndex(partial: Partial<ReadIndex> = {}): ReadIndex {
  return { id: partial.id ?? 0 };
}

export function readReadIndex(r: Reader): ReadIndex {
  let id: ReadIndex["id"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id };
}

export function writeReadIndex(w: Writer, m: ReadIndex): void {
  if (m.id !== 0) {
    w.uint64(8, m.id);
  }
}

export interface ReadIndexResponse {
  readonly id: number;
  readonly confirmed: boolean;
  readonly index: number;
}

export const ReadIndexResponse: MessageCodec<ReadIndexResponse> = messageCodec(
  readReadIndexResponse,
  writeReadIndexResponse,
  createReadIndexResponse,
  () => [
    { name: "id", key: "id", type: "uint64" },
    { name: "confirmed", key: "confirmed", type: "bool" },
    { name: "index", key: "index", type: "uint64" },
  ],
);

function createReadIndexResponse(partial: Partial<ReadIndexResponse> = {}): ReadIndexResponse {
  return { id: partial.id ?? 0, confirmed: partial.confirmed ?? false, index: partial.index ?? 0 };
}

export function readReadIndexResponse(r: Reader): ReadIndexResponse {
  let id: ReadIndexResponse["id"] = 0;
  let confirmed: ReadIndexResponse["confirmed"] = false;
  let index: ReadIndexResponse["index"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64();
        break;
      case 16:
        confirmed = r.bool();
        break;
      case 24:
        index = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, confirmed, index };
}

export function writeReadIndexResponse(w: Writer, m: ReadIndexResponse): void {
  if (m.index !== 0) {
    w.uint64(24, m.index);
  }
  if (m.confirmed) {
    w.bool(16, m.confirmed);
  }
  if (m.id !== 0) {
    w.uint64(8, m.id);
  }
}

export interface ProposeChange {
  readonly sequence: number;
  readonly kind: ChangeKind;
  readonly member: bigint;
  readonly context: Uint8Array;
}

export const ProposeChange: MessageCodec<ProposeChange> = messageCodec(
  readProposeChange,
  writeProposeChange,
  createProposeChange,
  () => [
    { name: "sequence", key: "sequence", type: "uint64" },
    { name: "kind", key: "kind", type: "enum", values: ChangeKind },
    { name: "member", key: "member", type: "uint64" },
    { name: "context", key: "context", type: "bytes" },
  ],
);

function createProposeChange(partial: Partial<ProposeChange> = {}): ProposeChange {
  return {
    sequence: partial.sequence ?? 0,
    kind: partial.kind ?? 0,
    member: partial.member ?? 0n,
    context: partial.context ?? EMPTY_BYTES,
  };
}

export function readProposeChange(r: Reader): ProposeChange {
  let sequence: ProposeChange["sequence"] = 0;
  let kind: ProposeChange["kind"] = 0;
  let member: ProposeChange["member"] = 0n;
  let context: ProposeChange["context"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        sequence = r.uint64();
        break;
      case 16:
        kind = r.enumeration();
        break;
      case 24:
        member = r.uint64Name();
        break;
      case 34:
        context = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { sequence, kind, member, context };
}

export function writeProposeChange(w: Writer, m: ProposeChange): void {
  if (m.context.length !== 0) {
    w.bytes(34, m.context);
  }
  if (m.member !== 0n) {
    w.name(24, m.member);
  }
  if (m.kind !== 0) {
    w.enumeration(16, m.kind);
  }
  if (m.sequence !== 0) {
    w.uint64(8, m.sequence);
  }
}

export interface ChangeRefused {
  readonly sequence: number;
  readonly reason: ChangeRefusal;
}

export const ChangeRefused: MessageCodec<ChangeRefused> = messageCodec(
  readChangeRefused,
  writeChangeRefused,
  createChangeRefused,
  () => [
    { name: "sequence", key: "sequence", type: "uint64" },
    { name: "reason", key: "reason", type: "enum", values: ChangeRefusal },
  ],
);

function createChangeRefused(partial: Partial<ChangeRefused> = {}): ChangeRefused {
  return { sequence: partial.sequence ?? 0, reason: partial.reason ?? 0 };
}

export function readChangeRefused(r: Reader): ChangeRefused {
  let sequence: ChangeRefused["sequence"] = 0;
  let reason: ChangeRefused["reason"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        sequence = r.uint64();
        break;
      case 16:
        reason = r.enumeration();
        break;
      default:
        r.skip(tag);
    }
  }
  return { sequence, reason };
}

export function writeChangeRefused(w: Writer, m: ChangeRefused): void {
  if (m.reason !== 0) {
    w.enumeration(16, m.reason);
  }
  if (m.sequence !== 0) {
    w.uint64(8, m.sequence);
  }
}

export interface TimeoutNow {}

export const TimeoutNow: MessageCodec<TimeoutNow> = messageCodec(
  readTimeoutNow,
  writeTimeoutNow,
  createTimeoutNow,
  () => [],
);

function createTimeoutNow(_partial: Partial<TimeoutNow> = {}): TimeoutNow {
  return {};
}

export function readTimeoutNow(r: Reader): TimeoutNow {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeTimeoutNow(_w: Writer, _m: TimeoutNow): void {}
