import { Command } from "commander";
import type { WatchError } from "../client/watch.ts";
import { ResponseHeader, WatchCreateRequest, type WatchResponse } from "../proto/gen/etcdserverpb.ts";
import { Event, EventType } from "../proto/gen/mvccpb.ts";
import type { Context } from "./context.ts";
import { badArguments, CommandError, ExitCode } from "./errors.ts";
import { goJson } from "./json.ts";
import { printKeyValue } from "./print.ts";
import { bytesOf, parseInteger, prefixEnd } from "./text.ts";

export interface WatchOptions {
  readonly prefix?: true;
  readonly prevKv?: true;
  readonly progressNotify?: true;
  readonly rev: string;
}

export function watchCommand(): Command {
  return new Command("watch")
    .description("Watches events stream on keys or prefixes")
    .argument("[arguments...]", "<key> [range_end]")
    .option("--prefix", "Watch on a prefix if prefix is set")
    .option("--prev-kv", "get the previous key-value pair before the event happens")
    .option("--progress-notify", "get periodic watch progress notification from server")
    .option("--rev <revision>", "Revision to start watching", "0");
}

/** Prints events until the server ends the watch or the process is ended. */
export async function watch(context: Context, args: readonly string[], options: WatchOptions): Promise<void> {
  const request = watchRequest(args, options);
  const error = await new Promise<WatchError | null>((closed) => {
    context.client().watch.watch(request, {
      events: (_, response) => printWatch(context, response),
      progress: (revision) => {
        if (options.progressNotify) context.line(`progress notify: ${revision}`);
      },
      closed,
    });
  });
  if (error === null) return;
  if (error.response !== null && context.flags.format === "json") printWatch(context, error.response);
  context.world.error(`watch was canceled (${error.message})`);
  throw new CommandError(ExitCode.INTERRUPTED, "watch is canceled by the server");
}

function watchRequest(args: readonly string[], options: WatchOptions): WatchCreateRequest {
  const [key, end] = args;
  if (key === undefined || args.length > 2) throw badArguments("bad number of arguments");
  if (end !== undefined && options.prefix) throw badArguments("`range_end` and `--prefix` are mutually exclusive");
  const bytes = bytesOf(key);
  const everything = options.prefix && bytes.length === 0;
  return WatchCreateRequest.create({
    key: everything ? new Uint8Array(1) : bytes,
    rangeEnd: options.prefix ? prefixEnd(bytes) : bytesOf(end ?? ""),
    startRevision: parseInteger(options.rev, "rev"),
    prevKv: options.prevKv ?? false,
    progressNotify: options.progressNotify ?? false,
  });
}

/** JSON as Go's client library names its own watch response, which is not the protocol's message. */
function printWatch(context: Context, response: WatchResponse): void {
  if (context.flags.format === "json") {
    const header = goJson(ResponseHeader, response.header ?? ResponseHeader.create());
    const events = response.events.map((event) => goJson(Event, event)).join(",");
    const rest = `"CompactRevision":${response.compactRevision},"Canceled":${response.canceled},"Created":${response.created}`;
    context.line(`{"Header":${header},"Events":[${events}],${rest}}`);
    return;
  }
  for (const event of response.events) {
    context.line(event.type === EventType.PUT ? "PUT" : "DELETE");
    if (event.prevKv !== null) printKeyValue(context, event.prevKv);
    if (event.kv !== null) printKeyValue(context, event.kv);
  }
}
