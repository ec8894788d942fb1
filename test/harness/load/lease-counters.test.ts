import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { countedBetween, readLeaseCounters } from "../../../src/harness/load/lease-counters.ts";

test("what was counted in between, and -1 where a look failed or the member began anew", () => {
  const before = new Map([
    ["n1", 3],
    ["n2", 5],
    ["n3", null],
    ["n4", 0],
  ]);
  const after = new Map([
    ["n1", 10],
    ["n2", 2],
    ["n3", 4],
    ["n4", null],
  ]);
  assert.deepEqual(countedBetween(before, after), { n1: 7, n2: -1, n3: -1, n4: -1 });
});

test("the counter is read from a member's metrics; one that has none, or does not answer, says nothing", async () => {
  const server = createServer((incoming, answer) => {
    answer.end(
      incoming.url?.startsWith("/with/") ? "a 1\netcd_debugging_server_lease_expired_total 64\nb 2\n" : "a 1\n",
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const asked = new Map([
      ["n1", `${base}/with`],
      ["n2", base],
      ["n3", "http://127.0.0.1:1"],
    ]);
    assert.deepEqual(
      [...(await readLeaseCounters(asked))],
      [
        ["n1", 64],
        ["n2", null],
        ["n3", null],
      ],
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
