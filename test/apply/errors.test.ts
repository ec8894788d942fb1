/** The error catalogue against the reference's table of what etcd answers: same texts, same codes, nothing missing. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ETCD_ERRORS, type EtcdError } from "../../src/etcd/errors.ts";

const REFERENCE = join(process.cwd(), "../shared/reference/etcd-api.md");
const CODES = [
  ...["OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists"],
  ...["PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented"],
  ...["Internal", "Unavailable", "DataLoss", "Unauthenticated"],
];

const missing = existsSync(REFERENCE) ? false : `${REFERENCE} is not there`;

test("every error of the reference is in the catalogue with its code", { skip: missing }, () => {
  const section = readFileSync(REFERENCE, "utf8").split("### 2.14")[1]?.split("\n### ")[0] ?? "";
  const known = new Map<string, number>();
  for (const error of Object.values<EtcdError>(ETCD_ERRORS)) known.set(error.message, error.code);
  let checked = 0;
  for (const [, name = "", cell = ""] of section.matchAll(/^\| ([A-Z]\w+)[^|]* \| (.*) \|$/gm)) {
    // The ends of some rows are remarks on how an error travels.
    const [listed = "", unprefixed = ""] = cell.split(/· \(|\*\*without the prefix\*\*: /);
    const messages = [
      ...listed.split(" · ").map((text) => `etcdserver: ${text.replace(/ \(3\.4.*| ‹.*/, "").trim()}`),
      ...[...unprefixed.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text),
    ].filter((text) => text !== "etcdserver: ");
    for (const message of messages) {
      assert.equal(CODES[known.get(message) ?? -1], name, message);
      checked++;
    }
  }
  assert.ok(checked > 60, `only ${checked} errors found in the reference`);
});

test("no two errors share a text, and each code is gRPC's", () => {
  const errors = Object.values<EtcdError>(ETCD_ERRORS);
  assert.equal(new Set(errors.map(({ message }) => message)).size, errors.length);
  for (const { code } of errors) assert.ok(code > 0 && code < CODES.length);
});
