/** What a machine's disk keeps over a crash. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import type { Disk } from "../../src/env/disk.ts";
import { MachineDisk } from "../../src/sim/disk.ts";
import { Scheduler } from "../../src/sim/scheduler.ts";

const SECTOR = 512;

class Bench {
  readonly scheduler: Scheduler = new Scheduler(() => {});
  readonly machine: MachineDisk;
  readonly disk: Disk;

  constructor(seed: number) {
    const plan = { writeMs: 0.1, syncMs: 1, segmentMaxBytes: 4096 };
    this.machine = new MachineDisk(plan, this.scheduler, new Prng(seed));
    this.disk = this.machine.forProcess((action) => action());
  }

  async run<Result>(work: Promise<Result>): Promise<Result> {
    await this.scheduler.run(this.scheduler.nowUs + 60_000_000, () => false);
    return work;
  }
}

test("a power cut keeps what was synced and any subset of the sectors that were not", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const { machine, disk, ...bench } = makeBench(seed);
    const file = await bench.run(disk.open("log", { create: true }));
    await bench.run(file.write(new Uint8Array(SECTOR).fill(1), 0));
    await bench.run(file.sync());
    await bench.run(disk.syncDirectory("."));
    await bench.run(file.write(new Uint8Array(2 * SECTOR).fill(2), SECTOR));
    machine.powerCut();
    const bytes = await bench.run(disk.read("log"));
    assert.ok(
      bytes.subarray(0, SECTOR).every((byte) => byte === 1),
      `seed ${seed}: the synced sector stays`,
    );
    seen.add([SECTOR, 2 * SECTOR].map((at) => bytes[at] ?? "-").join(""));
  }
  assert.deepEqual([...seen].sort(), ["--", "02", "2-", "22"]);
});

test("what was written to a synced file is there after a power cut", async () => {
  const { machine, disk, ...bench } = makeBench(1);
  const file = await bench.run(disk.open("log", { create: true, synced: true }));
  await bench.run(disk.syncDirectory("."));
  await bench.run(file.write(new Uint8Array(SECTOR).fill(1), 0));
  for (let cut = 0; cut < 20; cut++) machine.powerCut();
  assert.equal((await bench.run(disk.read("log"))).length, SECTOR);
});

test("a name is lost with its directory's last changes, a killed process loses nothing", async () => {
  const found = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const { machine, disk, ...bench } = makeBench(seed);
    await bench.run(disk.open("old", { create: true }));
    await bench.run(disk.syncDirectory("."));
    await bench.run(disk.rename("old", "new"));
    assert.deepEqual(await bench.run(disk.list(".")), ["new"]);
    machine.powerCut();
    found.add((await bench.run(disk.list("."))).join());
  }
  assert.deepEqual([...found].sort(), ["new", "old"]);
});

test("a full disk takes part of a write and says so, and a sync may fail", async () => {
  const { machine, disk, ...bench } = makeBench(1);
  const file = await bench.run(disk.open("log", { create: true }));
  machine.full = true;
  await assert.rejects(bench.run(file.write(new Uint8Array(1000).fill(7), 0)), { code: "ENOSPC" });
  assert.ok((await bench.run(file.size())) < 1000);
  machine.full = false;
  machine.failsSync = true;
  await assert.rejects(bench.run(file.sync()), { code: "EIO" });
  await bench.run(file.sync());
});

function makeBench(seed: number): { machine: MachineDisk; disk: Disk; run: Bench["run"] } {
  const bench = new Bench(seed);
  return { machine: bench.machine, disk: bench.disk, run: (work) => bench.run(work) };
}
