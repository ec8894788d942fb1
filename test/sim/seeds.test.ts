/** The simulator itself: one seed is one story, whatever it meets; it touches nothing real; a failing seed gets shorter. */
import assert from "node:assert/strict";
import dgram from "node:dgram";
import fs from "node:fs";
import net from "node:net";
import { test } from "node:test";
import { mutantOf } from "../../src/mutants/catalogue.ts";
import { applyEdit, formatEdit, NO_EDIT, parseEdit } from "../../src/sim/edit.ts";
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

test("the healthy server keeps every promise", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const result = await simulate(scenarioOf(seed));
    assert.equal(result.failure, null, explain(result));
    assert.deepEqual(result.undecided, [], `seed ${seed}`);
    assert.ok(result.simulatedMs >= 60_000, `seed ${seed} lasted a minute`);
    const { ok, failed, unknown } = result.operations;
    assert.ok(ok + failed + unknown >= 300, `seed ${seed} had ${ok + failed + unknown} operations`);
  }
});

test("one seed tells one story, line by line, and figures that do not depend on being told", async () => {
  const first = await told(21);
  const second = await told(21);
  assert.deepEqual(second.story, first.story);
  assert.deepEqual(second.result, first.result);
  assert.deepEqual(await simulate(scenarioOf(21)), first.result, "the digest without a story is the same");
  assert.notEqual((await told(22)).result.digest, first.result.digest);
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
  const mutant = mutantOf("skip-sync") ?? assert.fail("there is such a mutant");
  const scenario = scenarioOf(1);
  const shrunk = await shrink(
    scenario,
    (shorter) => simulate(shorter, mutant),
    () => {},
  );
  assert.ok(shrunk !== null, "seed 1 catches it");
  const kept = shrunk.edit.faults?.length ?? Number.POSITIVE_INFINITY;
  assert.ok(kept <= 2, `${kept} faults are left of ${scenario.faults.length}`);
  const again = parseEdit(formatEdit(shrunk.edit));
  assert.deepEqual(again, shrunk.edit);
  const repeated = await simulate(applyEdit(scenario, shrunk.edit), mutant);
  assert.deepEqual(repeated, shrunk.result);
});

test("an edit is read as it is written, and anything else is refused", () => {
  for (const text of ["", "faults=", "faults=1,5 heal=2000 clients=3 calm steady unwatched"])
    assert.equal(formatEdit(parseEdit(text) ?? assert.fail(text)), text);
  for (const text of ["fault=1", "faults=a", "heal=1,2", "calmer", "calm=1", "heal=-1"])
    assert.equal(parseEdit(text), null, text);
  assert.deepEqual(applyEdit(scenarioOf(3), NO_EDIT), scenarioOf(3));
});
