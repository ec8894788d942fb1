import type { Prng } from "../base/prng.ts";
import { EtcdClient } from "../client/client.ts";
import type { Clock } from "../env/clock.ts";
import type { StreamNetwork } from "../env/streams.ts";
import { CommandError, ExitCode } from "./errors.ts";

/** Of a store: etcd's Hash of it, its newest revision, and how many keys there are at that. */
export interface StoreContents {
  readonly hash: number;
  readonly revision: number;
  readonly keys: number;
}

/** Everything outside that a command touches, but for the files it is told to. */
export interface World {
  readonly network: StreamNetwork;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Looks into a store's file that nobody has open. Rejects with an error that says why it cannot. */
  readStore(path: string): Promise<StoreContents>;
  out(data: string | Uint8Array): void;
  error(text: string): void;
}

export interface GlobalFlags {
  readonly endpoints: readonly string[];
  readonly commandTimeoutMs: number;
  readonly dialTimeoutMs: number;
  /** Only commands that can draw one are given a table. */
  readonly format: "simple" | "json" | "table";
  readonly hex: boolean;
}

/** What a command works with. */
export class Context {
  readonly world: World;
  readonly flags: GlobalFlags;
  readonly #clients: EtcdClient[] = [];

  constructor(world: World, flags: GlobalFlags) {
    this.world = world;
    this.flags = flags;
  }

  /** A client of the given endpoints, all by default; it lives until the command ends. */
  client(endpoints: readonly string[] = this.flags.endpoints): EtcdClient {
    const { network, clock, prng } = this.world;
    const { commandTimeoutMs: timeoutMs, dialTimeoutMs } = this.flags;
    const client = new EtcdClient({ endpoints, network, clock, prng, timeoutMs, dialTimeoutMs });
    this.#clients.push(client);
    return client;
  }

  line(...parts: readonly (string | Uint8Array)[]): void {
    for (const part of parts) this.world.out(part);
    this.world.out("\n");
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** All of standard input as bytes. */
export async function readAll(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** Standard input line by line; the end of the input ends the command, as etcdctl does. */
export class Lines {
  readonly #lines: AsyncIterator<string>;

  constructor(stdin: AsyncIterable<Uint8Array>) {
    this.#lines = splitLines(stdin);
  }

  async next(): Promise<string> {
    const result = await this.#lines.next();
    if (result.done) throw new CommandError(ExitCode.INVALID_INPUT, "EOF");
    return result.value;
  }
}

async function* splitLines(stdin: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stdin) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() as string;
    yield* lines;
  }
}
