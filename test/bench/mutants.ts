/** How many seeds the simulator needs to find each server that is broken on purpose: `npm run bench:mutants`. `--smoke` tries fewer. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatTable } from "../../src/commands/table.ts";
import { MUTANTS } from "../../src/mutants/catalogue.ts";

const MAIN = fileURLToPath(new URL("../../src/main.js", import.meta.url));
const SEEDS_MAX = 500;
/** Those are found within a seed or two. */
const SMOKE: readonly string[] = ["skip-sync", "vote-twice", "read-locally", "answer-early", "apply-twice"];

interface Figures {
  readonly seeds: number;
  readonly wallSeconds: number;
  readonly failures: readonly { readonly seed: number; readonly failure: { readonly kind: string } }[];
}

const { values } = parseArgs({
  options: { smoke: { type: "boolean", default: false }, base: { type: "string", default: "1" } },
});

const rows = [["mutant", "what it does wrong", "found in seed", "as", "seeds tried", "seconds"]];
let missed = 0;
for (const { name, sin } of MUTANTS) {
  if (values.smoke && !SMOKE.includes(name)) continue;
  const flags = ["--seeds", String(SEEDS_MAX), "--base", values.base, "--mutant", name, "--json"];
  const run = spawnSync(process.execPath, [MAIN, "sim", ...flags], { encoding: "utf8", maxBuffer: 1 << 28 });
  const figures = JSON.parse(run.stdout) as Figures;
  const first = figures.failures[0];
  if (first === undefined) missed++;
  const found = first === undefined ? "NOT FOUND" : String(first.seed);
  rows.push([name, sin, found, first?.failure.kind ?? "", String(figures.seeds), figures.wallSeconds.toFixed(1)]);
}
console.log(formatTable(rows));
process.exitCode = missed > 0 ? 1 : 0;
