import { existsSync } from "node:fs";
import type { Command } from "commander";
import { HistoryError } from "../harness/history/reader.ts";
import type { Verdict } from "../harness/model/verdict.ts";
import { CommandError } from "./exit.ts";
import { isRunFolder, judgeHistory, judgeRun } from "./judging.ts";
import { print } from "./print.ts";
import { verdictLines } from "./summary.ts";

/** `faultline check <file>`: the verdict of a run's folder (verdict.json is written again) or of a history alone. */
export function addCheck(program: Command, exit: (code: number) => void): void {
  program
    .command("check")
    .description("judge a run's folder or a history.jsonl.gz again; the exit code is the verdict's")
    .argument("<path>", "reports/RUN or a history file")
    .option("--json", "print the verdict as JSON")
    .action(async (path: string, options: { readonly json?: true }) => {
      if (!existsSync(path)) throw new CommandError(`${path} does not exist: name a run's folder or a history file`);
      const verdict = await judged(path);
      await print(options.json ? JSON.stringify(verdict, null, 2) : verdictText(verdict));
      exit(verdict.exitCode);
    });
}

async function judged(path: string): Promise<Verdict> {
  try {
    return isRunFolder(path) ? await judgeRun(path) : await judgeHistory(path);
  } catch (error) {
    if (error instanceof HistoryError) throw new CommandError(error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined) throw new CommandError(`${path} cannot be read: ${message}`);
    throw error;
  }
}

function verdictText(verdict: Verdict): string {
  const findings = verdict.checks.flatMap((check) =>
    check.findings.map((finding) => `    ${check.check}: ${finding.text}`),
  );
  return [...verdictLines(verdict), ...findings].join("\n");
}
