import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RUN_FILES, readEvents, readPlan, readSamples, readVerdict } from "../history/run-files.ts";
import { charts } from "./charts.ts";
import { readLeaseEvidence } from "./lease-evidence.ts";
import { page } from "./page.ts";
import { renderChart } from "./render.ts";
import { pageScripts } from "./scripts.ts";

/** Writes report.html into a run's folder from the files that lie there, and returns its path. */
export async function writeReport(folder: string): Promise<string> {
  const run = {
    plan: readPlan(folder),
    events: readEvents(folder),
    samples: readSamples(folder),
    verdict: readVerdict(folder),
    leases: await readLeaseEvidence(folder),
  };
  const pictures = await Promise.all(charts(run.samples, run.events).map(renderChart));
  const path = join(folder, RUN_FILES.report);
  writeFileSync(path, page(run, pictures, pageScripts()));
  return path;
}
