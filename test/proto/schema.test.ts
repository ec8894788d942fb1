import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import protobuf from "protobufjs";
import * as rpc from "../../src/proto/gen/rpc.ts";
import { generateFormatted, PROTO_DIRECTORY, readProtoFiles } from "./generate.ts";
import { root } from "./messages.ts";
import { camelCase } from "./schema.ts";

const FACTS = path.resolve("..", "shared", "reference");
const skip = existsSync(FACTS) ? false : "no ../shared/reference beside the repository";

/** Rows of a tab-separated table as objects keyed by its first line. */
function rows(file: string): Record<string, string>[] {
  const [head = "", ...lines] = readFileSync(path.join(FACTS, file), "utf8").trimEnd().split("\n");
  const keys = head.split("\t");
  return lines.map((line) => Object.fromEntries(line.split("\t").map((cell, i) => [keys[i] as string, cell])));
}

const PACKAGES = [
  ...["etcdserverpb", "mvccpb", "authpb", "membershippb", "leasepb"],
  ...["v3lockpb", "v3electionpb", "grpc.health.v1"],
];
const LEFT_OUT = new Set([
  // proto2, and only etcd's own WAL holds it: ours has its own record.
  "etcdserverpb.Metadata",
  // One member asks another about a lease: ours ask about many at once.
  "leasepb.LeaseInternalRequest",
  "leasepb.LeaseInternalResponse",
]);
const ours = (row: Record<string, string>): boolean =>
  PACKAGES.includes(row["package"] as string) && !LEFT_OUT.has(`${row["package"]}.${row["message"]}`);

test("generating again gives exactly the committed files", () => {
  const generated = generateFormatted(readProtoFiles());
  const directory = path.join(PROTO_DIRECTORY, "gen");
  assert.deepEqual(readdirSync(directory).sort(), [...generated.keys()].sort());
  for (const [name, text] of generated) assert.ok(readFileSync(path.join(directory, name), "utf8") === text, name);
});

test("every field is etcd's: number, type, label, oneof", { skip }, () => {
  const facts = rows("etcd-proto-facts.tsv").filter(ours);
  const known = new Map<string, number>();
  for (const fact of facts) {
    const type = root.lookupType(`${fact["package"]}.${fact["message"]}`);
    const where = `${type.fullName}.${fact["field"]}`;
    if (fact["number"] === "") {
      known.set(type.fullName, 0);
      assert.equal(type.fieldsArray.length, 0, where);
      continue;
    }
    known.set(type.fullName, (known.get(type.fullName) ?? 0) + 1);
    const field = type.fields[fact["field"] as string];
    assert.ok(field, where);
    assert.equal(field.id, Number(fact["number"]), where);
    assert.equal(field.type.split(".").at(-1), fact["type"]?.split(".").at(-1), where);
    const oneof = field.partOf === null ? "" : `oneof ${field.partOf.name}`;
    assert.equal(field.repeated ? "repeated" : oneof || "singular", fact["label"], where);
  }
  for (const [name, count] of known)
    assert.equal(root.lookupType(name).fieldsArray.length, count, `${name} has fields of its own`);
});

test("every enum value is etcd's", { skip }, () => {
  for (const fact of rows("etcd-proto-enums.tsv").filter((row) => PACKAGES.includes(row["package"] as string))) {
    const type = root.lookupEnum(`${fact["package"]}.${fact["enum"]}`);
    assert.equal(type.values[fact["value"] as string], Number(fact["number"]), `${type.fullName}.${fact["value"]}`);
  }
});

test("every RPC is etcd's: path, messages, direction", { skip }, () => {
  const services: Record<string, Record<string, { path: string; requestStream: boolean; responseStream: boolean }>> = {
    ...rpc,
  };
  for (const fact of rows("etcd-rpc-facts.tsv")) {
    const method = services[fact["service"] as string]?.[fact["rpc"] as string];
    const where = `${fact["service"]}.${fact["rpc"]}`;
    assert.ok(method, where);
    assert.equal(method.path, `/${fact["package"]}.${fact["service"]}/${fact["rpc"]}`);
    assert.equal(method.requestStream, fact["request"]?.startsWith("stream "), where);
    assert.equal(method.responseStream, fact["response"]?.startsWith("stream "), where);
    const declared = root.lookupService(`${fact["package"]}.${fact["service"]}`).methods[fact["rpc"] as string];
    assert.equal(declared?.resolvedRequestType?.name, fact["request"]?.replace("stream ", ""), where);
    assert.equal(declared?.resolvedResponseType?.name, fact["response"]?.replace("stream ", ""), where);
  }
});

test("field names become camel case, acronyms included", () => {
  const cases = {
    range_end: "rangeEnd",
    TTL: "ttl",
    ID: "id",
    peerURLs: "peerUrls",
    member_ID: "memberId",
    targetID: "targetId",
  };
  for (const [name, camel] of Object.entries({
    ...cases,
    remaining_TTL: "remainingTtl",
    grantedTTL: "grantedTtl",
    prev_kv: "prevKv",
  }))
    assert.equal(camelCase(name), camel);
  assert.ok(root instanceof protobuf.Root);
});
