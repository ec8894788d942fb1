import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError } from "../../src/commands/exit.ts";
import { loadPlan } from "../../src/commands/plan-file.ts";

test("a plan that ships is found by its name, also one for a known bug, and the command line wins over it", () => {
  assert.equal(loadPlan("quickstart", { target: null, seed: 1 }).name, "quickstart");
  const bug = loadPlan("bugs/etcd-15247", {
    target: { kind: "etcd", source: { kind: "version", version: "3.7.3" } },
    runtime: "docker",
    seed: 5,
  });
  assert.deepEqual([bug.name, bug.runtime, bug.seed, bug.checks], ["etcd-15247", "docker", 5, ["lease"]]);
  assert.deepEqual(bug.target, { kind: "etcd", source: { kind: "version", version: "3.7.3" } });
});

test("a name leads nowhere but to the plans that ship", () => {
  for (const name of ["bugs/absent", "../package", "bugs/../quickstart", "/etc/passwd"])
    assert.throws(() => loadPlan(name, { target: null, seed: 1 }), CommandError, name);
});
