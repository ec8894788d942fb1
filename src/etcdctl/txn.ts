import { Command } from "commander";
import { type Compare, type RequestOp, TxnResponse } from "../proto/gen/etcdserverpb.ts";
import { type Context, Lines } from "./context.ts";
import { print, printTxn } from "./print.ts";
import { parseCompare, parseOperation } from "./txn-parse.ts";

export interface TxnOptions {
  readonly interactive?: true;
}

export function txnCommand(): Command {
  return new Command("txn")
    .description("Txn processes all the requests in one transaction")
    .option("-i, --interactive", "Input transaction in interactive mode");
}

/** Compares, operations on success, operations on failure: lines from standard input, each part ended by an empty one. */
export async function txn(context: Context, _args: readonly string[], options: TxnOptions): Promise<void> {
  const lines = new Lines(context.world.stdin);
  const prompt = (text: string): void => {
    if (options.interactive) context.line(text);
  };
  prompt("compares:");
  const compare = await readPart<Compare>(lines, async (line) => parseCompare(line));
  prompt("success requests (get, put, del):");
  const success = await readPart<RequestOp>(lines, parseOperation);
  prompt("failure requests (get, put, del):");
  const failure = await readPart<RequestOp>(lines, parseOperation);
  print(context, TxnResponse, await context.client().kv.txn({ compare, success, failure }), printTxn);
}

async function readPart<Item>(lines: Lines, parse: (line: string) => Promise<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for (let line = (await lines.next()).trim(); line !== ""; line = (await lines.next()).trim())
    items.push(await parse(line));
  return items;
}
