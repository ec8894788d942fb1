/**
 * Compares etcd-ts with Go etcd, answer by answer:
 *
 *   npm run test:differential -- [--requests N] [--seed S] [--lanes N] [--against etcd,3.7.3]
 *
 * `etcd` is the one on the PATH; a version is taken from the cache, or built. Exit code 1 when answers differ.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { nodeClock } from "../../src/env/node/clock.ts";
import { findProgram } from "../../src/harness/cluster/programs.ts";
import { compareServers } from "./compare.ts";
import { type Kind, WEIGHTS } from "./generate.ts";
import type { ServerVersion } from "./target.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "100000" },
    seed: { type: "string" },
    lanes: { type: "string", default: "2" },
    against: { type: "string", default: "etcd,3.7.3" },
    kinds: { type: "string" },
  },
});

async function versionOf(name: string): Promise<ServerVersion> {
  const source =
    name === "etcd" ? { kind: "binary" as const, binary: name } : { kind: "version" as const, version: name };
  const program = await findProgram({ kind: "etcd", source } as Parameters<typeof findProgram>[0], {
    environment: process.env,
    say: (text) => console.error(text),
    signal: new AbortController().signal,
  });
  if (program.kind !== "etcd") throw new Error(`${name} is no Go etcd`);
  const { binary, version } = program;
  return { name: `etcd ${version}`, binary, release: version.startsWith("3.4.") ? "3.4" : "newest" };
}

const seed = values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed);
const lanes = Number(values.lanes);
const others = await Promise.all(values.against.split(",").map(versionOf));
const versions: readonly ServerVersion[] = [{ name: "etcd-ts", binary: null, release: "newest" }, ...others];
const kinds = (values.kinds?.split(",") ?? Object.keys(WEIGHTS)) as readonly Kind[];
const startedMs = nodeClock.monotonicMs();
const results = await Promise.all(
  Array.from({ length: lanes }, (_, lane) =>
    compareServers({
      seed: seed + lane,
      requests: Math.ceil(Number(values.requests) / lanes),
      kinds,
      versions,
      say: (text) => console.error(text),
    }),
  ),
);
const requests = results.reduce((sum, result) => sum + result.requests, 0);
const seconds = (nodeClock.monotonicMs() - startedMs) / 1000;
const differences = results.flatMap(({ difference }) => difference ?? []);
for (const difference of differences) console.log(difference);
console.log(
  `${requests} requests in ${seconds.toFixed(1)} s, etcd-ts against ${others.map(({ name }) => name).join(" and ")}: ${
    differences.length === 0 ? "no difference" : "DIFFERENT"
  } (seed ${seed}, ${lanes} lanes)`,
);
process.exitCode = differences.length === 0 ? 0 : 1;
