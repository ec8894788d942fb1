import { Command } from "commander";
import { RangeRequest, RangeResponse, SortOrder, SortTarget } from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { badArguments, CommandError, ExitCode } from "./errors.ts";
import { print, printRange } from "./print.ts";
import { bytesOf, parseInteger, prefixEnd } from "./text.ts";

export interface GetOptions {
  readonly prefix?: true;
  readonly fromKey?: true;
  readonly limit: string;
  readonly order: string;
  readonly sortBy: string;
  readonly rev: string;
  readonly keysOnly?: true;
  readonly printValueOnly?: true;
  readonly consistency: string;
}

export function getCommand(): Command {
  return new Command("get")
    .description("Gets the key or a range of keys")
    .argument("[arguments...]", "<key> [range_end]")
    .option("--consistency <mode>", "Linearizable(l) or Serializable(s)", "l")
    .option("--from-key", "Get keys that are greater than or equal to the given key using byte compare")
    .option("--keys-only", "Get only the keys")
    .option("--limit <count>", "Maximum number of results", "0")
    .option("--order <order>", "Order of results; ASCEND or DESCEND (ASCEND by default)", "")
    .option("--prefix", "Get keys with matching prefix")
    .option("--print-value-only", 'Only write values when using the "simple" output format')
    .option("--rev <revision>", "Specify the kv revision", "0")
    .option("--sort-by <target>", "Sort target; CREATE, KEY, MODIFY, VALUE, or VERSION", "");
}

export async function get(context: Context, args: readonly string[], options: GetOptions): Promise<void> {
  const response = await context.client().kv.range(getRequest(args, options));
  print(context, RangeResponse, response, () => printRange(context, response, options.printValueOnly));
}

/** The range a key, an end and the flags --prefix and --from-key name. */
export function keyRange(
  name: string,
  args: readonly string[],
  options: { readonly prefix?: true; readonly fromKey?: true },
): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
  const { prefix = false, fromKey = false } = options;
  if (prefix && fromKey) throw badArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
  const [key, end] = args;
  if (key === undefined || args.length > 2)
    throw badArguments(`${name} command needs one argument as key and an optional argument as range_end`);
  if (end !== undefined && (prefix || fromKey))
    throw badArguments("too many arguments, only accept one argument when `--prefix` or `--from-key` is set");
  const bytes = bytesOf(key);
  const everything = new Uint8Array(1);
  if (prefix)
    return bytes.length === 0 ? { key: everything, rangeEnd: everything } : { key: bytes, rangeEnd: prefixEnd(bytes) };
  if (fromKey) return { key: bytes.length === 0 ? everything : bytes, rangeEnd: everything };
  return { key: bytes, rangeEnd: bytesOf(end ?? "") };
}

export function getRequest(args: readonly string[], options: GetOptions): RangeRequest {
  const range = keyRange("get", args, options);
  if (!/^[ls]$/.test(options.consistency))
    throw new CommandError(ExitCode.BAD_FEATURE, `unknown consistency flag "${options.consistency}"`);
  return RangeRequest.create({
    ...range,
    limit: parseInteger(options.limit, "limit"),
    revision: parseInteger(options.rev, "rev"),
    ...sorting(options),
    serializable: options.consistency === "s",
    keysOnly: options.keysOnly ?? false,
  });
}

function sorting(options: GetOptions): { sortOrder: SortOrder; sortTarget: SortTarget } {
  const orders: Readonly<Record<string, SortOrder>> = { "": 0, ASCEND: SortOrder.ASCEND, DESCEND: SortOrder.DESCEND };
  const { KEY, VERSION, CREATE, MOD, VALUE } = SortTarget;
  const targets: Readonly<Record<string, SortTarget>> = { "": KEY, KEY, VERSION, CREATE, MODIFY: MOD, VALUE };
  const sortOrder = orders[options.order.toUpperCase()];
  const sortTarget = targets[options.sortBy.toUpperCase()];
  if (sortOrder === undefined) throw new CommandError(ExitCode.BAD_FEATURE, `bad sort order ${options.order}`);
  if (sortTarget === undefined) throw new CommandError(ExitCode.BAD_FEATURE, `bad sort target ${options.sortBy}`);
  return { sortOrder, sortTarget };
}
