/** The little language of `etcdctl txn`: `mod("key") > "0"` and `put key "value" --lease=12`. */
import type { Command } from "commander";
import { Compare, CompareResult, CompareTarget, type RequestOp } from "../proto/gen/etcdserverpb.ts";
import { type DelOptions, delCommand, delRequest } from "./del.ts";
import { CommandError, ExitCode } from "./errors.ts";
import { type GetOptions, getCommand, getRequest } from "./get.ts";
import { type PutOptions, putCommand, putRequest } from "./put.ts";
import { bytesOf } from "./text.ts";

const RESULTS: Readonly<Record<string, CompareResult>> = {
  "=": CompareResult.EQUAL,
  "!=": CompareResult.NOT_EQUAL,
  ">": CompareResult.GREATER,
  "<": CompareResult.LESS,
};

export function parseCompare(line: string): Compare {
  const match = /^(\w+)\(("(?:[^"\\]|\\.)*"|`[^`]*`)\)\s*(=|!=|<|>)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)$/.exec(line);
  if (match === null) throw invalid(`malformed comparison: ${line}`);
  const [, target, key, operator, value] = match as unknown as [string, string, string, string, string];
  const result = RESULTS[operator] as CompareResult;
  return Compare.create({ key: bytesOf(unquote(key)), result, ...parseTarget(line, target, unquote(value)) });
}

function parseTarget(line: string, name: string, value: string): Pick<Compare, "target" | "targetUnion"> {
  const integer = (): number => {
    if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(Number(value)))
      throw invalid(`invalid txn compare request: ${line}`);
    return Number(value);
  };
  switch (name.toLowerCase()) {
    case "ver":
    case "version":
      return { target: CompareTarget.VERSION, targetUnion: { kind: "version", value: integer() } };
    case "c":
    case "create":
      return { target: CompareTarget.CREATE, targetUnion: { kind: "createRevision", value: integer() } };
    case "m":
    case "mod":
      return { target: CompareTarget.MOD, targetUnion: { kind: "modRevision", value: integer() } };
    case "val":
    case "value":
      return { target: CompareTarget.VALUE, targetUnion: { kind: "value", value: bytesOf(value) } };
    case "lease":
      if (!/^[0-9a-f]{1,16}$/i.test(value)) throw invalid(`invalid txn compare request: ${line}`);
      return {
        target: CompareTarget.LEASE,
        targetUnion: { kind: "lease", value: BigInt.asIntN(64, BigInt(`0x${value}`)) },
      };
    default:
      throw invalid(`malformed comparison: ${line} (unknown target ${name})`);
  }
}

/** One get, put or del with its own flags. */
export async function parseOperation(line: string): Promise<RequestOp> {
  const [name, ...words] = splitWords(line);
  switch (name) {
    case "get": {
      const { args, options } = parseFlags<GetOptions>(getCommand(), words);
      return { request: { kind: "requestRange", value: getRequest(args, options) } };
    }
    case "put": {
      const { args, options } = parseFlags<PutOptions>(putCommand(), words);
      const value = await putRequest(args, options, () => Promise.reject(invalid(`invalid txn request: ${line}`)));
      return { request: { kind: "requestPut", value } };
    }
    case "del": {
      const { args, options } = parseFlags<DelOptions>(delCommand(), words);
      return { request: { kind: "requestDeleteRange", value: delRequest(args, options) } };
    }
    default:
      throw invalid(`invalid txn request: ${line}`);
  }
}

function parseFlags<Options>(command: Command, words: readonly string[]): { args: string[]; options: Options } {
  command.exitOverride().configureOutput({ writeErr() {}, writeOut() {} });
  try {
    command.parse(words, { from: "user" });
  } catch (error) {
    throw invalid(`invalid txn request: ${(error as Error).message.replace(/^error: /, "")}`);
  }
  return { args: command.args, options: command.opts() as Options };
}

/** Words separated by spaces; in double quotes with escapes, in single quotes as they are. */
export function splitWords(line: string): string[] {
  const words = line.match(/"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']+/g) ?? [];
  return words.map((word) => {
    if (word.startsWith('"')) return unquote(word);
    return word.startsWith("'") ? word.slice(1, -1) : word;
  });
}

/** A Go string literal: interpreted in double quotes, raw in back quotes. */
function unquote(literal: string): string {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return inner;
  const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };
  return inner.replace(/\\(x[0-9a-f]{2}|u[0-9a-f]{4}|.)/gi, (_, code: string) => {
    const unit = Number.parseInt(code.slice(1), 16);
    // In Go this is one byte, which no string of ours can hold.
    if (/^x[89a-f]/i.test(code)) throw invalid(`byte escapes above \\x7f are not supported: ${literal}`);
    if (code.length > 1) return String.fromCharCode(unit);
    if (code === "\\" || code === '"') return code;
    const plain = escapes[code];
    if (plain === undefined) throw invalid(`invalid escape in ${literal}`);
    return plain;
  });
}

function invalid(message: string): CommandError {
  return new CommandError(ExitCode.INVALID_INPUT, message);
}
