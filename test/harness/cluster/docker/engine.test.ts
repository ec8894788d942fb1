/** Where the ports of an engine are: this machine's own addresses are all the same to a member, 127.0.0.1 is nobody else's. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { publishedAddress } from "../../../../src/harness/cluster/docker/engine.ts";

test("an engine at any address of this machine's own publishes on 127.0.0.1, as one within the same container does", async () => {
  // Those of one link alone are no address without its name.
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((each) => each.family === "IPv4" || each.scopeid === 0);
  assert.ok(own.length > 0);
  for (const { address } of own) assert.equal(await publishedAddress(address), "127.0.0.1");
  assert.equal(await publishedAddress("localhost"), "127.0.0.1");
});

test("an engine elsewhere publishes where it is", async () => {
  // Of the block that RFC 5737 keeps for documentation.
  assert.equal(await publishedAddress("192.0.2.7"), "192.0.2.7");
});
