import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { RUN_FILES } from "../harness/history/run-files.ts";
import { CommandError } from "./exit.ts";
import { print } from "./print.ts";

/** `faultline report <run>`: writes report.html again from the run's files. */
export function addReport(program: Command): void {
  program
    .command("report")
    .description("write a run's report.html again from its files")
    .argument("<run>", "folder of a run, reports/...")
    .action(async (folder: string) => {
      for (const name of [RUN_FILES.plan, RUN_FILES.events, RUN_FILES.samples, RUN_FILES.verdict])
        if (!existsSync(join(folder, name)))
          throw new CommandError(`${join(folder, name)} is missing: name the folder of a run that wrote its verdict`);
      const { writeReport } = await import("../harness/report/write.ts");
      await print(await writeReport(folder));
    });
}
