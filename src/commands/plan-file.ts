import { randomInt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plan, ProxyChoice, Runtime, Target } from "../harness/model/plan.ts";
import { PlanError, parsePlan } from "../harness/plan/plan.ts";
import { CommandError } from "./exit.ts";
import { PACKAGE_FOLDER } from "./package.ts";

/** Six digits: a seed that can be read out. */
const SEED_BOUND = 1_000_000;

/** What a command line says about a plan; null, or nothing, leaves it to the plan. */
export interface PlanOverrides {
  readonly target: Target | null;
  readonly runtime?: Runtime | undefined;
  readonly proxy?: ProxyChoice | undefined;
  readonly seed: number | null;
}

/** A plan from a file, or by name from the plans that ship with the package. What is set in `overrides` wins over the plan's own. */
export function loadPlan(argument: string, overrides: PlanOverrides): Plan {
  const shipped = join(PACKAGE_FOLDER, "workloads", `${argument}.yaml`);
  const file =
    !existsSync(argument) && /^[\w-]+(\/[\w-]+)*$/.test(argument) && existsSync(shipped) ? shipped : argument;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(
      `${file}: ${(error as Error).message}; name a plan file, for example workloads/quickstart.yaml`,
    );
  }
  try {
    const plan = parsePlan(text, file, () => randomInt(SEED_BOUND));
    const target = overrides.target ?? plan.target;
    const members = target.kind === "endpoints" ? target.endpoints.length : plan.members;
    const runtime = overrides.runtime ?? plan.runtime;
    const proxy = overrides.proxy ?? plan.proxy;
    const limited = Object.values(plan.resources).some((limit) => limit !== null);
    if (limited && runtime === "process" && target.kind !== "endpoints")
      throw new CommandError(`${file}: resources are limits of containers: run it with --runtime docker`);
    return { ...plan, target, runtime, proxy, members, seed: overrides.seed ?? plan.seed };
  } catch (error) {
    if (error instanceof PlanError) throw new CommandError(error.message);
    throw error;
  }
}
