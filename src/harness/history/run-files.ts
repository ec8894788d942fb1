import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunEvent } from "../model/events.ts";
import type { Plan } from "../model/plan.ts";
import type { Samples } from "../model/samples.ts";
import type { Verdict } from "../model/verdict.ts";

/** What a run leaves in its folder (D12). */
export const RUN_FILES = {
  plan: "plan.json",
  events: "events.jsonl",
  history: "history.jsonl.gz",
  samples: "samples.json",
  verdict: "verdict.json",
  report: "report.html",
  logs: "logs",
  data: "data",
} as const;

export function writePlan(folder: string, plan: Plan): void {
  writeJson(folder, RUN_FILES.plan, plan);
}

export function writeEvents(folder: string, events: readonly RunEvent[]): void {
  writeFileSync(join(folder, RUN_FILES.events), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
}

export function writeSamples(folder: string, samples: Samples): void {
  writeJson(folder, RUN_FILES.samples, samples);
}

export function writeVerdict(folder: string, verdict: Verdict): void {
  writeJson(folder, RUN_FILES.verdict, verdict);
}

// A run's own files are read back without a schema: this program wrote them. Each reader throws the system's error when the
// file is missing and a SyntaxError that names it when it is not JSON.

export function readPlan(folder: string): Plan {
  return readJson<Plan>(folder, RUN_FILES.plan);
}

export function readEvents(folder: string): readonly RunEvent[] {
  const lines = readFileSync(join(folder, RUN_FILES.events), "utf8").split("\n");
  return lines.flatMap((line, i) => (line === "" ? [] : [parse<RunEvent>(line, `${RUN_FILES.events}:${i + 1}`)]));
}

export function readSamples(folder: string): Samples {
  return readJson<Samples>(folder, RUN_FILES.samples);
}

export function readVerdict(folder: string): Verdict {
  return readJson<Verdict>(folder, RUN_FILES.verdict);
}

function writeJson(folder: string, name: string, value: unknown): void {
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 1)}\n`);
}

function readJson<Value>(folder: string, name: string): Value {
  return parse<Value>(readFileSync(join(folder, name), "utf8"), name);
}

function parse<Value>(text: string, where: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch (error) {
    throw new SyntaxError(`${where}: ${(error as Error).message}`);
  }
}
