/**
 * The store beside the newest Go etcd: `npm run bench:store`. Every figure stands with its target. Both servers run on this machine, are
 * measured in turn and with the same client; CPU is theirs alone, from /proc. `--smoke` sees in less than a minute that all of it runs,
 * `--only shapes,watch,keys,pauses,micro` runs parts, `--json` prints figures for programs.
 * Of the shapes, `--members 3` and `--cell put --cell txn` run some; `--profile DIR` leaves CPU profiles of our members there.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Bench } from "tinybench";
import { cacheFolder } from "../../src/harness/cluster/etcd-build.ts";
import { findProgram } from "../../src/harness/cluster/programs.ts";
import { type Program, programLabel } from "../../src/harness/cluster/targets.ts";
import { measureFanout } from "./store/fanout.ts";
import { type Figure, figuresJson, figuresTable, meets } from "./store/figures.ts";
import { measureMillion } from "./store/million.ts";
import { measurePauses } from "./store/pauses.ts";
import { measureShapes } from "./store/shapes.ts";
import { addTasks } from "./tasks/store.ts";

const PARTS = ["shapes", "watch", "keys", "pauses", "micro"] as const;

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string", default: PARTS.join() },
    /** Of Go etcd; "none": nothing to compare with. */
    etcd: { type: "string", default: "3.7.3" },
    keys: { type: "string" },
    rounds: { type: "string" },
    /** Of pauses: in which functions. */
    where: { type: "boolean", default: false },
    /** How names of cells begin: those and no others. */
    cell: { type: "string", multiple: true, default: [] },
    members: { type: "string", default: "1,3" },
    profile: { type: "string" },
  },
});
const { smoke } = flags;
const keys = Number(flags.keys ?? (smoke ? 5_000 : 1_000_000));
const rounds = Number(flags.rounds ?? (smoke ? 1 : 5));
const parts = flags.only.split(",");
const unknown = parts.filter((part) => !PARTS.some((known) => known === part));
if (unknown.length > 0) throw new Error(`--only takes of ${PARTS.join()}, not ${unknown.join()}`);

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** Null: there is none to compare with. A smoke run builds nothing. */
async function findEtcd(version: string): Promise<Program | null> {
  if (version === "none") return null;
  if (smoke && !existsSync(join(cacheFolder(process.env), version, "etcd"))) {
    say(`etcd ${version} is not built on this machine: nothing to compare with`);
    return null;
  }
  const target = { kind: "etcd", source: { kind: "version", version } } as const;
  return await findProgram(target, { environment: process.env, say, signal: new AbortController().signal });
}

async function measureMicro(): Promise<readonly Figure[]> {
  const bench = new Bench({ time: smoke ? 10 : 500, warmupTime: smoke ? 5 : 200 });
  addTasks(bench);
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== "completed") throw new Error(`${name}: ${result.state}`);
    const ours = result.latency.p50 * 1e6;
    return { section: "Single steps in memory", name, unit: "ns", ours, theirs: null, target: null };
  });
}

async function main(): Promise<void> {
  const ours: Program = { kind: "ts" };
  const theirs = await findEtcd(flags.etcd);
  const common = { ours, theirs, rounds, say };
  const figures: Figure[] = [];
  if (parts.includes("micro")) figures.push(...(await measureMicro()));
  const durationMs = smoke ? 100 : 1000;
  if (parts.includes("shapes")) {
    const profileDir = flags.profile ?? null;
    for (const members of smoke ? [3] : flags.members.split(",").map(Number))
      figures.push(...(await measureShapes({ ...common, members, durationMs, only: flags.cell, profileDir })));
  }
  if (parts.includes("watch")) figures.push(...(await measureFanout({ ...common, durationMs: smoke ? 100 : 1500 })));
  if (parts.includes("keys"))
    figures.push(...(await measureMillion({ ...common, keys, settleMs: smoke ? 200 : 5000 })));
  if (parts.includes("pauses"))
    figures.push(...(await measurePauses({ ...common, keys, durationMs: 5 * durationMs, where: flags.where })));
  const label = theirs === null ? "nothing beside it" : programLabel(theirs);
  if (flags.json)
    console.log(
      JSON.stringify(
        { etcd: label, node: process.version, keys, rounds, smoke, figures: figuresJson(figures) },
        null,
        2,
      ),
    );
  else console.log(`etcd-ts on Node ${process.version}, ${label}\n\n${figuresTable(figures)}`);
  const missed = figures.filter((figure) => meets(figure) === false).length;
  say(smoke ? "smoke run: far too short for figures" : `${missed} target(s) missed`);
}

await main();
