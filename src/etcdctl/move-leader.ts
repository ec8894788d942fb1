import { Command } from "commander";
import { hex } from "../base/ids.ts";
import type { Context } from "./context.ts";
import { badArguments } from "./errors.ts";
import { parseMemberId } from "./text.ts";

export function moveLeaderCommand(): Command {
  return new Command("move-leader")
    .description("Transfers leadership to another etcd cluster member.")
    .argument("[transferee-member-id]")
    .allowExcessArguments();
}

/** Whichever of the endpoints leads is asked. */
export async function moveLeader(context: Context, args: readonly string[]): Promise<void> {
  if (args.length !== 1) throw badArguments("move-leader command needs 1 argument");
  const target = parseMemberId(args[0] as string);
  if (typeof target === "string") throw badArguments(target);
  const { endpoints } = context.flags;
  for (const endpoint of endpoints) {
    const client = context.client([endpoint]);
    const { header, leader } = await client.maintenance.status();
    if (header?.memberId !== leader) continue;
    await client.maintenance.moveLeader(target);
    context.line(`Leadership transferred from ${hex(leader)} to ${hex(target)}`);
    return;
  }
  throw badArguments(`no leader endpoint given at [${endpoints.join(" ")}]`);
}
