import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { readLmdbFile } from "../../src/etcd/backend/lmdb.ts";
import { contentsOf } from "../../src/etcd/snapshot-contents.ts";
import type { World } from "../../src/etcdctl/context.ts";
import { run } from "../../src/etcdctl/program.ts";
import { GrpcError } from "../../src/grpc/status.ts";

export interface Result {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one etcdctl command line in this process against `endpoint`, given as etcdctl's environment gives it. */
export async function etcdctl(
  endpoint: string,
  args: readonly string[],
  stdin = "",
  env: Record<string, string> = {},
  readStore: World["readStore"] = (path) => readLmdbFile(path, contentsOf),
): Promise<Result> {
  const out: Uint8Array[] = [];
  let stderr = "";
  const exit = await run(args, {
    network: nodeStreams,
    clock: nodeClock,
    prng: new Prng(1),
    environment: { ETCDCTL_ENDPOINTS: endpoint, ...env },
    stdin: (async function* () {
      yield new TextEncoder().encode(stdin);
    })(),
    readStore,
    out: (data) => out.push(typeof data === "string" ? new TextEncoder().encode(data) : data.slice()),
    error: (text) => {
      stderr += `${text}\n`;
    },
  });
  return { exit, stdout: Buffer.concat(out).toString("utf8"), stderr };
}

/** A fake member's way to answer any call: remembers the request, and gives what the test has ready, thrown when it is an error. */
export function answering(seen: unknown[], answer: () => unknown): (request: unknown) => never {
  return (request) => {
    seen.push(request);
    const ready = answer();
    if (ready instanceof GrpcError) throw ready;
    return ready as never;
  };
}
