import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDurationMs } from "../../src/base/duration.ts";
import { goString } from "../../src/etcdctl/json.ts";
import { bytesOf, formatDuration, formatSize, leaseName, parseLease, prefixEnd } from "../../src/etcdctl/text.ts";
import { parseCompare, parseOperation, splitWords } from "../../src/etcdctl/txn-parse.ts";

test("sizes are rounded as etcdctl rounds them", () => {
  const sizes = {
    0: "0 B",
    999: "999 B",
    1000: "1.0 kB",
    9960: "10 kB",
    20480: "20 kB",
    21500: "22 kB",
    1234567: "1.2 MB",
    2e9: "2.0 GB",
  };
  for (const [bytes, text] of Object.entries(sizes)) assert.equal(formatSize(Number(bytes)), text, bytes);
});

test("durations are read and written as Go does", () => {
  const given: Record<string, number | null> = {
    "5s": 5000,
    "1m30s": 90_000,
    "1.5h": 5_400_000,
    "500ms": 500,
    "0": 0,
    "5": null,
    "": null,
    "5 s": null,
    s5: null,
  };
  for (const [text, ms] of Object.entries(given)) assert.equal(parseDurationMs(text), ms, text);
  assert.deepEqual([0.5, 21.813993, 1234.5].map(formatDuration), ["500µs", "21.813993ms", "1.2345s"]);
});

test("a prefix ends before the next key that does not have it", () => {
  const ends: [number[], number[]][] = [
    [[97], [98]],
    [[97, 255], [98]],
    [[255, 255], [0]],
    [[], [0]],
  ];
  for (const [prefix, end] of ends) assert.deepEqual(prefixEnd(new Uint8Array(prefix)), new Uint8Array(end));
});

test("a lease id is hexadecimal, of 64 bits and signed, and comes out as Go prints it", () => {
  assert.equal(parseLease("694d7a5b3c2a1f02", "lease ID"), 0x694d7a5b3c2a1f02n);
  assert.equal(parseLease("-8000000000000000", "lease ID"), -(2n ** 63n));
  for (const text of ["zz", "", "-", "0x1", "ffffffffffffffff", "11112222333344445"])
    assert.throws(() => parseLease(text, "lease ID"), /bad lease ID/, text);
  assert.equal(leaseName(0x1234n), "0000000000001234");
  assert.equal(leaseName(-5n), "-000000000000005");
});

test("strings in JSON are escaped as Go escapes them", () => {
  assert.equal(goString('<a href="x">&\u2028'), '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028"');
});

test("words of a txn line keep what stands in quotes", () => {
  assert.deepEqual(splitWords(`put k "a \\"b\\"\\n" 'c "d"' --lease=1`), ["put", "k", 'a "b"\n', 'c "d"', "--lease=1"]);
});

test("every kind of compare is understood, short names too", () => {
  const compares: Record<string, unknown> = {
    'version("k") > "3"': { kind: "version", value: 3 },
    'ver("k") = "3"': { kind: "version", value: 3 },
    'create("k") < "3"': { kind: "createRevision", value: 3 },
    'c("k") < "3"': { kind: "createRevision", value: 3 },
    'mod("k") != "3"': { kind: "modRevision", value: 3 },
    'm("k")!="3"': { kind: "modRevision", value: 3 },
    'value("k") = "x y"': { kind: "value", value: bytesOf("x y") },
    "val(`k`) = `x`": { kind: "value", value: bytesOf("x") },
    'lease("k") = "1f"': { kind: "lease", value: 31n },
  };
  for (const [line, target] of Object.entries(compares)) {
    const compare = parseCompare(line);
    assert.deepEqual(compare.targetUnion, target, line);
    assert.deepEqual(compare.key, bytesOf("k"));
  }
  assert.deepEqual(parseCompare('val("k") = "\\x41\\u00e9\\t"').targetUnion, { kind: "value", value: bytesOf("Aé\t") });
  for (const line of ['val("k") = "\\xff"', 'val("k") = "\\q"', 'mod("k") = "x"', "mod(k) = 1", 'mod("k") ~ "1"', ""])
    assert.throws(() => parseCompare(line), { exitCode: 3 }, line);
});

test("a txn operation takes its command's flags and refuses others", async () => {
  const { request } = await parseOperation('put k "v w" --prev-kv --lease=1f');
  assert.deepEqual(request?.kind === "requestPut" && [request.value.value, request.value.prevKv, request.value.lease], [
    bytesOf("v w"),
    true,
    31n,
  ]);
  for (const line of ["put k", "bogus k", "get k --nope"])
    await assert.rejects(parseOperation(line), { exitCode: 3 }, line);
});
