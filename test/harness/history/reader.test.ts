import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { HistoryError, openHistory } from "../../../src/harness/history/reader.ts";
import type { HistoryRecord } from "../../../src/harness/model/history.ts";

const directory = mkdtempSync(join(tmpdir(), "history-"));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, "h.jsonl");

const HEADER =
  '{"type":"history","version":1,"run":"r","members":["n1"],"initialRevision":1,"watchers":0,"watchEventsLost":0}';
const OPERATION = {
  type: "operation",
  id: 0,
  client: 0,
  member: "n1",
  phase: "steady",
  request: { kind: "put", key: "a", value: "0" },
  intendedNs: 1,
  startNs: 2,
  endNs: 3,
  outcome: { kind: "ok", response: { kind: "put", revision: 2 } },
};

async function readAll(content: string | Uint8Array): Promise<{ records: HistoryRecord[]; error: unknown }> {
  writeFileSync(file, content);
  const records: HistoryRecord[] = [];
  try {
    for await (const record of (await openHistory(file)).records) records.push(record);
  } catch (error) {
    return { records, error };
  }
  return { records, error: null };
}

async function complaint(...lines: readonly string[]): Promise<string> {
  const { error } = await readAll(lines.map((line) => `${line}\n`).join(""));
  assert.ok(error instanceof HistoryError, String(error));
  return error.message.replace(file, "FILE");
}

test("a plain file is read like a compressed one", async () => {
  const text = `${HEADER}\n${JSON.stringify(OPERATION)}\n`;
  assert.deepEqual(await readAll(text), { records: [OPERATION], error: null });
  assert.deepEqual(await readAll(gzipSync(text)), { records: [OPERATION], error: null });
});

test("garbage is named by file, line and field", async () => {
  const broken = (change: object): string => JSON.stringify({ ...OPERATION, ...change });
  const good = JSON.stringify(OPERATION);
  assert.match(await complaint(HEADER, good, "{nonsense"), /^FILE:3: not JSON: /);
  assert.equal(
    await complaint(HEADER, broken({ type: "oops" })),
    'FILE:2: type: "operation", "event", "watcher", "lease", "list" or "compaction" is wanted, not "oops"',
  );
  assert.equal(await complaint(HEADER, broken({ startNs: 1.5 })), "FILE:2: startNs: a whole number is wanted, not 1.5");
  assert.equal(await complaint(HEADER, broken({ endNs: 1 })), "FILE:2: endNs: before startNs");
  assert.equal(await complaint(HEADER, broken({ member: 7 })), "FILE:2: member: a text is wanted, not 7");
  assert.equal(
    await complaint(HEADER, broken({ outcome: { kind: "ok", response: { kind: "delete", revision: 2, deleted: 1 } } })),
    "FILE:2: outcome: the response answers another kind of request",
  );
  assert.equal(await complaint(HEADER, good, "[]"), "FILE:3: a record: an object is wanted, not []");
});

test("a file that is not a history is refused at its first line", async () => {
  assert.equal(await complaint(), "FILE: empty, not a history");
  assert.match(await complaint('{"hello":1}'), /^FILE:1: the first line is not a history's header/);
  assert.match(await complaint(HEADER.replace('version":1', 'version":2')), /^FILE:1: version 2 of the format/);
});

test("a file cut short gives what it has, then says that it was cut", async () => {
  const lines = Array.from({ length: 2000 }, (_, id) => JSON.stringify({ ...OPERATION, id }));
  const whole = gzipSync(`${[HEADER, ...lines].join("\n")}\n`);
  const { records, error } = await readAll(whole.subarray(0, Math.floor(whole.length * 0.7)));
  assert.ok(error instanceof HistoryError && error.truncated, String(error));
  assert.ok(records.length > 0 && records.length < 2000);
  assert.match(error.message, new RegExp(`after line ${records.length + 1}`));

  const plain = await readAll(`${HEADER}\n${lines[0]}\n${lines[1]?.slice(0, 40)}`);
  assert.equal(plain.records.length, 1);
  assert.ok(plain.error instanceof HistoryError && plain.error.truncated);
});

test("a damaged compressed file is an error, not an early end", async () => {
  const bytes = gzipSync(`${HEADER}\n${JSON.stringify(OPERATION)}\n`);
  bytes[bytes.length - 6] = (bytes[bytes.length - 6] as number) ^ 0xff;
  const { error } = await readAll(bytes);
  assert.ok(error instanceof HistoryError && !error.truncated, String(error));
  assert.match(error.message, /damaged/);
});

test("a file that is not there is the system's error", async () => {
  await assert.rejects(openHistory(join(directory, "absent")), { code: "ENOENT" });
});
