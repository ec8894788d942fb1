import { Command, CommanderError } from "commander";
import { addCheck } from "./check.ts";
import { addDoctor } from "./doctor.ts";
import { CommandError, EXIT } from "./exit.ts";
import { addInspect } from "./inspect.ts";
import { faultlineVersion } from "./package.ts";
import { addReport } from "./report.ts";
import { addRun } from "./run.ts";
import { addSchema } from "./schema.ts";
import { addSim } from "./sim.ts";
import { addUp } from "./up.ts";

/** Runs one command and returns its exit code. Throws only what is a bug. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.pass;
  const program = new Command("faultline")
    .description("Benchmarks and chaos-tests etcd-v3 stores: load, faults, proof, one report and one exit code.")
    .version(faultlineVersion())
    .configureOutput({
      outputError: (text, write) =>
        write(
          `faultline: ${text
            .replace(/^error: /, "")
            .trim()
            .replaceAll("\n", " ")}\n`,
        ),
    })
    .exitOverride();
  for (const add of [addRun, addCheck, addReport, addSchema, addSim, addDoctor, addInspect, addUp]) {
    add(program, (code) => {
      exitCode = code;
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommandError) {
      console.error(error.message);
      return error.exitCode;
    }
    // Commander has already said what is wrong; help and version are no mistakes.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.pass : EXIT.usage;
    throw error;
  }
}
