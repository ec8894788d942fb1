/** Numbers of starts: each far above the one before, whatever the wall clock says and wherever power was cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { WalError } from "../../src/etcd/wal/segment.ts";
import { takeStartNumber } from "../../src/etcd/wal/start-number.ts";
import { MemoryDisk } from "../support/disk.ts";

test("a clock that is set back does not set the number back", async () => {
  const disk = new MemoryDisk();
  const first = await takeStartNumber(disk, 1_700_000_000_000);
  assert.equal(first, 1_700_000_000_000_000);
  const second = await takeStartNumber(disk, 1_600_000_000_000);
  assert.ok(second >= first + 2 ** 32);
  assert.equal(await takeStartNumber(disk, 1_800_000_000_000), 1_800_000_000_000_000);
});

test("power cut anywhere leaves the numbers growing", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const chance = new Prng(seed);
    let disk = new MemoryDisk();
    let last = 0;
    for (let start = 0; start < 6; start++) {
      const callsLeft = chance.below(8);
      let calls = 0;
      disk.before = () => {
        if (++calls > callsLeft) throw new Error("power is gone");
      };
      const number = await takeStartNumber(disk, chance.below(10_000)).catch((error: Error) => {
        assert.equal(error.message, "power is gone", `seed ${seed}`);
        return null;
      });
      if (number !== null) {
        assert.ok(number > last, `seed ${seed}: ${number} after ${last}`);
        last = number;
      }
      disk = disk.crash(() => chance.float() < 0.5);
    }
  }
});

test("a file that is not a number is refused", async () => {
  const disk = new MemoryDisk();
  disk.put("start-number", Buffer.from("17e5\n"));
  await assert.rejects(takeStartNumber(disk, 1), WalError);
});
