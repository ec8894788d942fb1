/** The simulator itself: one seed is one story, whatever it meets; it touches nothing real; a failing seed gets shorter. */
import assert from "node:assert/strict";
import dgram from "node:dgram";
import fs from "node:fs";
import net from "node:net";
import { test } from "node:test";
import { type Mutant, mutantOf } from "../../src/mutants/catalogue.ts";
import { applyEdit, EDIT_WORDS, formatEdit, NO_EDIT, parseEdit } from "../../src/sim/edit.ts";
import type { SeedResult } from "../../src/sim/model.ts";
import { scenarioOf } from "../../src/sim/scenario.ts";
import { shrink } from "../../src/sim/shrink.ts";
import { simulate } from "../../src/sim/simulation.ts";

async function told(seed: number): Promise<{ readonly result: SeedResult; readonly story: readonly string[] }> {
  const story: string[] = [];
  const result = await simulate(scenarioOf(seed), {}, (line) => void story.push(line));
  return { result, story };
}

function explain({ seed, failure }: SeedResult): string {
  return `faultline sim --seed ${seed} --trace: ${failure?.kind}: ${failure?.text}`;
}

function named(name: string): Mutant {
  return mutantOf(name) ?? assert.fail(`there is a mutant ${name}`);
}

/** The first seed that catches it. */
async function caught(mutant: Mutant): Promise<SeedResult> {
  for (let seed = 1; seed <= 20; seed++) {
    const result = await simulate(scenarioOf(seed), mutant);
    if (result.failure !== null) return result;
  }
  return assert.fail(`${mutant.name} was not caught within 20 seeds`);
}

test("the healthy server keeps every promise", async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const result = await simulate(scenarioOf(seed));
    assert.equal(result.failure, null, explain(result));
    assert.deepEqual(result.undecided, [], `seed ${seed}`);
    assert.ok(result.simulatedMs >= 60_000, `seed ${seed} lasted a minute`);
    const { ok, failed, unknown } = result.operations;
    assert.ok(ok + failed + unknown >= 300, `seed ${seed} had ${ok + failed + unknown} operations`);
  }
});

test("seeds that failed once pass", async () => {
  for (const seed of [
    // An entry that its leader alone decided on, by a change that it had only just written: taken for acknowledged too early.
    1000470,
    // Keepalives that clients had given up while there was no leader were asked of the next one, and kept their lease.
    1000853,
    // A renewal at a new leader took from the lease the election time-out in which the leader before may still acknowledge one.
    7000006,
    // A learner got a snapshot from before a voter was added: it did not know that one, and never answered when that came to lead.
    7300406,
    // The members' states were compared while a checkpoint of leases was on its way to one of them (a bug of the check).
    1000344,
    // A voter that was being caught up did not know one that was added meanwhile: when that came to lead, it could not be answered.
    1001769,
  ]) {
    const result = await simulate(scenarioOf(seed));
    assert.equal(result.failure, null, explain(result));
  }
});

test("cuts of the log come behind a seed's other faults, which they leave as they are", () => {
  let cuts = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const { faults } = scenarioOf(seed);
    const others = faults.filter(({ fault }) => fault.kind !== "compact-log");
    assert.deepEqual(faults.slice(0, others.length), others);
    assert.deepEqual(
      faults.map(({ number }) => number),
      [...faults.keys()],
    );
    cuts += faults.length - others.length;
  }
  assert.ok(cuts > 0, "some seeds have them");
});

test("one seed tells one story, line by line, and figures that do not depend on being told", async () => {
  const first = await told(21);
  assert.ok(first.story.length > 1000);
  assert.deepEqual(await told(21), first);
  assert.deepEqual(await simulate(scenarioOf(21)), first.result, "the digest without a story is the same");
});

test("no real timer, socket, file or clock is touched", async (t) => {
  const touched: string[] = [];
  const poison = (holder: object, names: readonly string[]): void => {
    for (const name of names) {
      const real = (holder as Record<string, unknown>)[name] as (...args: unknown[]) => unknown;
      t.mock.method(holder as Record<string, () => unknown>, name, (...args: unknown[]) => {
        touched.push(name);
        return real(...args);
      });
    }
  };
  poison(globalThis, ["setTimeout", "setInterval", "setImmediate", "fetch"]);
  poison(net, ["connect", "createConnection", "createServer"]);
  poison(dgram, ["createSocket"]);
  poison(fs, ["open", "openSync", "readFileSync", "writeFileSync", "mkdir", "mkdirSync"]);
  poison(fs.promises, ["open", "readFile", "writeFile", "mkdir"]);
  poison(Date, ["now"]);
  poison(performance, ["now"]);
  poison(Math, ["random"]);
  const { failure } = await simulate(scenarioOf(5));
  t.mock.restoreAll();
  assert.equal(failure, null);
  assert.deepEqual(touched, []);
});

test("a failing seed is shrunk to a schedule that fails in the same way, and its text tells it again", async () => {
  const mutant = named("lose-last-record");
  const { seed } = await caught(mutant);
  const scenario = scenarioOf(seed);
  const shrunk = await shrink(
    scenario,
    (shorter) => simulate(shorter, mutant),
    () => {},
  );
  assert.equal(shrunk?.result.failure?.kind, "restart", `seed ${seed}`);
  assert.equal(shrunk?.edit.faults?.length, 1, "one restart is all it takes");
  assert.ok(shrunk.edit.leaseless && shrunk.edit.uncompacted, "and neither leases nor compaction");
  const again = parseEdit(formatEdit(shrunk.edit)) ?? assert.fail("an edit is read again");
  assert.deepEqual(again, shrunk.edit);
  assert.deepEqual(await simulate(applyEdit(scenario, again), mutant), shrunk.result);
});

test("servers broken on purpose are caught, each by what it breaks", async () => {
  for (const [name, kinds] of [
    ["skip-sync", ["restart"]],
    ["read-locally", ["stale read", "check"]],
  ] as const) {
    const { seed, failure } = await caught(named(name));
    assert.ok(
      kinds.some((kind) => kind === failure?.kind),
      `${name} at seed ${seed}: ${failure?.kind}: ${failure?.text}`,
    );
  }
});

test("an edit is read as it is written, and anything else is refused", () => {
  for (const text of ["", "faults=", `faults=1,5 heal=2000 clients=3 ${EDIT_WORDS.join(" ")}`])
    assert.equal(formatEdit(parseEdit(text) ?? assert.fail(text)), text);
  for (const text of ["fault=1", "faults=a", "heal=1,2", "calmer", "calm=1", "heal=-1"])
    assert.equal(parseEdit(text), null, text);
  assert.deepEqual(applyEdit(scenarioOf(3), NO_EDIT), scenarioOf(3));
});
