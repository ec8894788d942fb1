import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { MessageCodec } from "../../src/proto/wire.ts";

export const GOLDEN_DIRECTORY: string = path.resolve("..", "shared", "data", "etcdctl-golden");

/** False, or why tests against the transcripts cannot run. */
export const skipGolden: string | false = existsSync(GOLDEN_DIRECTORY)
  ? false
  : "no ../shared/data/etcdctl-golden beside the repository";

/** One recorded invocation of etcdctl 3.4.23. */
export interface Transcript {
  readonly args: readonly string[];
  readonly stdin: string;
  readonly exit: number;
  readonly stdout: string;
  /** Without the client library's own log lines, which are Go's. */
  readonly stderr: string;
}

export function readTranscript(name: string): Transcript {
  const text = readFileSync(path.join(GOLDEN_DIRECTORY, `${name}.txt`), "utf8");
  const [head = "", ...parts] = text.split(/^--- (stdin|exit|stdout|stderr)\n/m);
  const section = (title: string): string => parts[parts.indexOf(title) + 1] ?? "";
  const stderr = section("stderr").replace(/^\{"level":"warn".*\n/gm, "");
  const stdin = parts.includes("stdin") ? section("stdin") : "";
  const words = head.trim().match(/'[^']*'|\S+/g) ?? [];
  const args = words.slice(2).map((word) => (word.startsWith("'") ? word.slice(1, -1) : word));
  return { args, stdin, exit: Number(section("exit")), stdout: section("stdout"), stderr };
}

/** Reads what Go's encoding/json printed of a message back into one; the inverse of src/etcdctl/json.ts. */
export function fromGoJson<Message>(codec: MessageCodec<Message>, text: string): Message {
  // Ids pass the safe integers: their digits are kept as strings.
  return readObject(codec, JSON.parse(text.replace(/:(\d{16,})/g, ':"$1"')) as Plain) as Message;
}

type Plain = Record<string, unknown>;

function readObject(codec: MessageCodec<unknown>, plain: Plain): unknown {
  const defaults = codec.create() as Plain;
  const message: Plain = {};
  for (const field of codec.fields()) {
    const read = (value: unknown): unknown => {
      if (field.message !== undefined) return readObject(field.message, value as Plain);
      if (field.type === "bytes") return new Uint8Array(Buffer.from(value as string, "base64"));
      return typeof defaults[field.key] === "bigint" ? BigInt(value as string) : value;
    };
    const upper = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
    if (field.oneof !== undefined) {
      const member = (plain[upper(field.oneof)] as Plain | undefined)?.[upper(field.key)];
      if (member !== undefined) message[field.oneof] = { kind: field.key, value: read(member) };
    } else if (plain[field.name] !== undefined) {
      const value = plain[field.name];
      message[field.key] = field.repeated ? (value as unknown[]).map(read) : read(value);
    }
  }
  return codec.create(message);
}
