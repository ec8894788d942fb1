import { Command } from "commander";
import { PutRequest, PutResponse } from "../proto/gen/etcdserverpb.ts";
import { type Context, readAll } from "./context.ts";
import { badArguments } from "./errors.ts";
import { print, printPut } from "./print.ts";
import { bytesOf, parseLease } from "./text.ts";

export interface PutOptions {
  readonly lease: string;
  readonly prevKv?: true;
  readonly ignoreValue?: true;
  readonly ignoreLease?: true;
}

export function putCommand(): Command {
  return new Command("put")
    .description("Puts the given key into the store")
    .argument("[arguments...]", "<key> [value]; without a value it is read from standard input")
    .option("--ignore-lease", "updates the key using its current lease")
    .option("--ignore-value", "updates the key using its current value")
    .option("--lease <id>", "lease ID (in hexadecimal) to attach to the key", "0")
    .option("--prev-kv", "return the previous key-value pair before modification");
}

export async function put(context: Context, args: readonly string[], options: PutOptions): Promise<void> {
  const request = await putRequest(args, options, () => readAll(context.world.stdin));
  print(context, PutResponse, await context.client().kv.put(request), printPut);
}

/** `missingValue` is asked when no argument gives the value. */
export async function putRequest(
  args: readonly string[],
  options: PutOptions,
  missingValue: () => Promise<Uint8Array>,
): Promise<PutRequest> {
  const [key, value] = args;
  const { ignoreValue = false } = options;
  if (key === undefined) throw badArguments("put command needs 1 argument and input from stdin or 2 arguments");
  if (ignoreValue && args.length > 1)
    throw badArguments("put command needs only 1 argument when 'ignore-value' is set");
  if (args.length > 2) throw badArguments("put command needs 1 argument and input from stdin or 2 arguments");
  const lease = parseLease(options.lease, "lease ID");
  const given = value === undefined && !ignoreValue ? await missingValue() : bytesOf(value ?? "");
  return PutRequest.create({
    key: bytesOf(key),
    value: given,
    lease,
    prevKv: options.prevKv ?? false,
    ignoreValue,
    ignoreLease: options.ignoreLease ?? false,
  });
}
