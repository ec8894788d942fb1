import type { Command } from "commander";
import type { Finding } from "./doctor-finding.ts";
import { lookAtMachine } from "./doctor-machine.ts";
import { lookAtTools } from "./doctor-tools.ts";
import { EXIT } from "./exit.ts";
import { faultlineVersion } from "./package.ts";
import { paint } from "./table.ts";

interface Diagnosis {
  readonly faultlineVersion: string;
  readonly platform: string;
  /** Everything that the quickstart needs is there. */
  readonly ready: boolean;
  readonly findings: readonly Finding[];
}

const COLOURS = { ok: "green", poor: "yellow", missing: "yellow", needed: "red" } as const;

/** `faultline doctor`: what this machine can do, and what it would take to do more. */
export function addDoctor(program: Command, exit: (code: number) => void): void {
  program
    .command("doctor")
    .description("say what this machine can do: the exit code is 0 when it can run the quickstart")
    .option("--out <dir>", "where reports would go", "reports")
    .option("--json", "print what was found as JSON")
    .action(async ({ out, json }: { readonly out: string; readonly json?: true }) => {
      const diagnosis = await diagnose(out);
      console.log(json ? JSON.stringify(diagnosis, null, 2) : diagnosisText(diagnosis));
      exit(diagnosis.ready ? EXIT.pass : EXIT.environment);
    });
}

async function diagnose(reportsDir: string): Promise<Diagnosis> {
  // One after the other: syncs are measured without the tools' noise, and hold up the loop that times Docker's answer.
  const findings = [...(await lookAtMachine(reportsDir)), ...(await lookAtTools(process.env))];
  return {
    faultlineVersion: faultlineVersion(),
    platform: `${process.platform} ${process.arch}`,
    ready: findings.every(({ needed, state }) => !needed || state !== "missing"),
    findings,
  };
}

function diagnosisText({ faultlineVersion, platform, ready, findings }: Diagnosis): string {
  const stateWidth = Math.max(...findings.map(({ state }) => state.length));
  const nameWidth = Math.max(...findings.map(({ name }) => name.length));
  const indent = " ".repeat(stateWidth + nameWidth + 4);
  const rows = findings.flatMap(({ name, state, needed, found, enables, remedy }) => {
    const colour = COLOURS[state === "missing" && needed ? "needed" : state];
    const row = `${paint(state.padEnd(stateWidth), colour)}  ${name.padEnd(nameWidth)}  ${found}`;
    return remedy === null ? [row] : [row, `${indent}for  ${enables}`, `${indent}do   ${remedy}`];
  });
  const conclusion = ready
    ? "This machine can run the quickstart: npm start in a clone, else faultline run quickstart"
    : "This machine cannot run the quickstart yet.";
  return [`faultline ${faultlineVersion} on ${platform}`, "", ...rows, "", paint(conclusion, "bold")].join("\n");
}
