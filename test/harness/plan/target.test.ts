import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { PlanError, parsePlan } from "../../../src/harness/plan/plan.ts";
import { parseTarget } from "../../../src/harness/plan/target.ts";
import fc from "../../support/fast-check.ts";

const binary = (name: string) => ({ kind: "etcd", source: { kind: "binary", binary: name } });
const release = (version: string) => ({ kind: "etcd", source: { kind: "version", version } });

test("a target is ours, a program or a release, and nothing else", () => {
  assert.deepEqual(parseTarget("ts"), { kind: "ts" });
  assert.deepEqual(parseTarget("etcd"), binary("etcd"));
  assert.deepEqual(parseTarget("etcd=/opt/etcd 3/etcd"), binary("/opt/etcd 3/etcd"));
  assert.deepEqual(parseTarget("etcd=a=b@c"), binary("a=b@c"));
  assert.deepEqual(parseTarget("etcd@3.4.23"), release("3.4.23"));
  assert.deepEqual(parseTarget("etcd@3.7.0-rc.1"), release("3.7.0-rc.1"));
  const endpoints = (...urls: readonly string[]) => ({ kind: "endpoints", endpoints: urls });
  assert.deepEqual(parseTarget("endpoints=10.0.0.1"), endpoints("http://10.0.0.1:2379"));
  assert.deepEqual(
    parseTarget("endpoints=http://A.b-c:1,[::1]:2,d.e/"),
    endpoints("http://a.b-c:1", "http://[::1]:2", "http://d.e:2379"),
  );
  assert.deepEqual(parseTarget("endpoints=https://a:443"), endpoints("https://a:443"));
  for (const text of [
    "endpoints=",
    "endpoints=a,",
    "endpoints=a,a:2379",
    "endpoints=a, b",
    "endpoints=https://a,http://b",
    "endpoints=https://a,b",
    "endpoints=ftp://a",
    "endpoints=a:0",
    "endpoints=a:65536",
    "endpoints=a/b",
    "endpoints=u:p@a",
    "endpoints=1,2,3,4,5,6,7,8",
    "",
    "TS",
    "etcd=",
    "etcd@",
    "etcd@3.7",
    "etcd@v3.7.3",
    "etcd@3.7.3 ",
    "etcd@latest",
    "etcds",
    "go",
  ])
    assert.equal(parseTarget(text), null, text);
});

test("a release's version is a plain folder name, whatever is written", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 12 }), (text) => {
      const target = parseTarget(`etcd@${text}`);
      if (target === null) return;
      assert.ok(target.kind === "etcd" && target.source.kind === "version");
      assert.match(target.source.version, /^[0-9]+\.[0-9]+\.[0-9]+(-[a-z]+\.[0-9]+)?$/);
    }),
  );
  for (const text of ["../3.7.3", "3.7.3/..", "3.7.3\n", "-3.7.3", "3.7.3-rc.1/x"])
    assert.equal(parseTarget(`etcd@${text}`), null, text);
});

test("a plan names its target, ours when it does not, and a wrong one is named with its line", () => {
  const quickstart = readFileSync("workloads/quickstart.yaml", "utf8");
  const targetOf = (line: string) => parsePlan(quickstart.replace("target: ts\n", line), "w.yaml", () => 7).target;
  assert.deepEqual(targetOf(""), { kind: "ts" });
  assert.deepEqual(targetOf("target: etcd\n"), binary("etcd"));
  assert.deepEqual(targetOf("target: etcd=../etcd\n"), binary("../etcd"));
  assert.deepEqual(targetOf("target: etcd@3.7.3\n"), release("3.7.3"));
  const wrong = (line: string, expected: RegExp) =>
    assert.throws(
      () => targetOf(line),
      (error) => error instanceof PlanError && expected.test(error.message),
    );
  wrong("target: zookeeper\n", /^w\.yaml:4:1 target: "zookeeper" is not a target; write ts, etcd, /);
  wrong("target: 3.7\n", /^w\.yaml:4:1 target: /);
});
