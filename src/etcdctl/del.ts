import { Command } from "commander";
import { DeleteRangeRequest, DeleteRangeResponse } from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { keyRange } from "./get.ts";
import { print, printDelete } from "./print.ts";

export interface DelOptions {
  readonly prefix?: true;
  readonly fromKey?: true;
  readonly prevKv?: true;
}

export function delCommand(): Command {
  return new Command("del")
    .description("Removes the specified key or range of keys [key, range_end)")
    .argument("[arguments...]", "<key> [range_end]")
    .option("--from-key", "delete keys that are greater than or equal to the given key using byte compare")
    .option("--prefix", "delete keys with matching prefix")
    .option("--prev-kv", "return deleted key-value pairs");
}

export async function del(context: Context, args: readonly string[], options: DelOptions): Promise<void> {
  print(context, DeleteRangeResponse, await context.client().kv.deleteRange(delRequest(args, options)), printDelete);
}

export function delRequest(args: readonly string[], options: DelOptions): DeleteRangeRequest {
  return DeleteRangeRequest.create({ ...keyRange("del", args, options), prevKv: options.prevKv ?? false });
}
