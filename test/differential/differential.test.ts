/**
 * A short comparison with the Go etcd that is here; `npm run test:differential` makes the long one. Always the same sequences: what
 * new ones would show is not this commit's.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { cacheFolder } from "../../src/harness/cluster/etcd-build.ts";
import { compareServers } from "./compare.ts";
import { Generator, type Kind, WEIGHTS } from "./generate.ts";
import { shrink } from "./shrink.ts";
import { near, resolve, type Step, textOf } from "./step.ts";
import type { ServerVersion } from "./target.ts";

const SEED = 20_261_123;
const REQUESTS = 1_500;
const NEWEST = "3.7.3";
const KINDS = Object.keys(WEIGHTS) as readonly Kind[];

/** Those on this machine; nothing is built for this. */
function servers(): readonly ServerVersion[] {
  const found: ServerVersion[] = [];
  const installed = spawnSync("etcd", ["--version"], { encoding: "utf8" });
  const version = /^etcd Version: (3\.4\.\S+)$/m.exec(installed.stdout ?? "")?.[1];
  if (version !== undefined) found.push({ name: `etcd ${version}`, binary: "etcd", release: "3.4" });
  const cached = join(cacheFolder(process.env), NEWEST, "etcd");
  if (existsSync(cached)) found.push({ name: `etcd ${NEWEST}`, binary: cached, release: "newest" });
  return found;
}

const others = servers();
const skip = others.length === 0 ? "no Go etcd is here (Debian package etcd-server)" : false;

test("etcd-ts answers random requests as Go etcd does", { skip }, async () => {
  const versions = [{ name: "etcd-ts", binary: null, release: "newest" } as const, ...others];
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const result = await compareServers({ seed: SEED, requests: REQUESTS, kinds: KINDS, versions, say });
  assert.equal(result.difference, null, result.difference ?? "");
  assert.ok(result.requests >= REQUESTS);
});

test("the same seed makes the same sequence, with requests of every kind", () => {
  const make = (): readonly Step[] => new Generator(new Prng(SEED), KINDS).sequence(20_000);
  const steps = make();
  assert.deepEqual(make().map(textOf), steps.map(textOf));
  assert.deepEqual(new Set(steps.map(({ kind }) => kind)), new Set(KINDS));
});

test("revisions near the newest become numbers when their turn comes, wherever they stand", () => {
  const request = { revision: near(-3), compare: [{ targetUnion: { kind: "modRevision", value: near(1) } }], limit: 7 };
  const resolved = { revision: 7, compare: [{ targetUnion: { kind: "modRevision", value: 11 } }], limit: 7 };
  assert.deepEqual(resolve(request, 10), resolved);
});

test("a sequence shrinks to the steps and fields that matter", async () => {
  const steps = new Generator(new Prng(SEED), KINDS).sequence(200);
  const isPut = (step: Step): boolean => step.kind === "put" && step.request.prevKv;
  const end = steps.findLastIndex(({ kind }) => kind === "txn") + 1;
  const shows = async (candidate: readonly Step[]): Promise<boolean> =>
    candidate.at(-1)?.kind === "txn" && candidate.filter(isPut).length >= 2;
  const shortest = await shrink(steps.slice(0, end), shows, 2_000);
  assert.deepEqual(shortest.map(textOf), ["put {prevKv: true}", "put {prevKv: true}", "txn {}"]);
});
