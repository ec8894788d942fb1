import { unreachable } from "../../base/assert.ts";
import type { Fault as FaultPlan } from "../model/plan.ts";
import type { Fault } from "./fault.ts";
import { Partition } from "./partition.ts";
import { Pause } from "./pause.ts";

/** The fault a plan asks for. `name` is unique in the run. */
export function createFault(plan: FaultPlan, name: string): Fault {
  switch (plan.kind) {
    case "partition":
      return new Partition(name, plan.isolate);
    case "pause":
      return new Pause(name, plan.member);
    default:
      return unreachable(plan);
  }
}
