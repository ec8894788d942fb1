import type {
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  ResponseOp,
  TxnResponse,
} from "../proto/gen/etcdserverpb.ts";
import type { KeyValue } from "../proto/gen/mvccpb.ts";
import type { MessageCodec } from "../proto/wire.ts";
import type { Context } from "./context.ts";
import { goJson } from "./json.ts";
import { printable } from "./text.ts";

/** Prints a response as JSON, or lets `simple` print it. */
export function print<Message>(
  context: Context,
  codec: MessageCodec<Message>,
  response: Message,
  simple: (context: Context, response: Message) => void,
): void {
  if (context.flags.format === "json") context.line(goJson(codec, response));
  else simple(context, response);
}

export function printKeyValue(context: Context, kv: KeyValue, valueOnly = false): void {
  const { hex } = context.flags;
  if (!valueOnly) context.line(printable(kv.key, hex));
  context.line(printable(kv.value, hex));
}

export function printRange(context: Context, response: RangeResponse, valueOnly = false): void {
  for (const kv of response.kvs) printKeyValue(context, kv, valueOnly);
}

export function printPut(context: Context, response: PutResponse): void {
  context.line("OK");
  if (response.prevKv !== null) printKeyValue(context, response.prevKv);
}

export function printDelete(context: Context, response: DeleteRangeResponse): void {
  context.line(String(response.deleted));
  for (const kv of response.prevKvs) printKeyValue(context, kv);
}

export function printTxn(context: Context, response: TxnResponse): void {
  context.line(response.succeeded ? "SUCCESS" : "FAILURE");
  for (const operation of response.responses) {
    context.line();
    printOperation(context, operation);
  }
}

function printOperation(context: Context, { response }: ResponseOp): void {
  switch (response?.kind) {
    case "responseRange":
      printRange(context, response.value);
      break;
    case "responsePut":
      printPut(context, response.value);
      break;
    case "responseDeleteRange":
      printDelete(context, response.value);
      break;
    case "responseTxn":
      printTxn(context, response.value);
      break;
    case undefined:
      break;
  }
}
