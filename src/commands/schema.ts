import type { Command } from "commander";
import { planJsonSchema } from "../harness/plan/plan.ts";
import { print } from "./print.ts";

/** `faultline schema plan`: for editors that complete and check YAML. */
export function addSchema(program: Command): void {
  program
    .command("schema")
    .description("print the JSON schema of a file people write")
    .argument("<what>", "plan")
    .action(async (what: string, _options: unknown, command: Command) => {
      if (what !== "plan") command.error(`error: unknown schema "${what}"; there is: plan`);
      await print(JSON.stringify(planJsonSchema(), null, 2));
    });
}
