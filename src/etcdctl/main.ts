#!/usr/bin/env node
import { randomInt } from "node:crypto";
import { Prng } from "../base/prng.ts";
import { nodeClock } from "../env/node/clock.ts";
import { nodeStreams } from "../env/node/streams.ts";
import { contentsOf } from "../etcd/snapshot-contents.ts";
import { run } from "./program.ts";

// A pipe closed by its reader (`etcdctl-ts get ... | head`) ends the program quietly.
process.stdout.on("error", () => process.exit(0));

process.exitCode = await run(process.argv.slice(2), {
  network: nodeStreams,
  clock: nodeClock,
  prng: new Prng(randomInt(2 ** 47)),
  environment: process.env,
  stdin: process.stdin,
  async readStore(path) {
    // LMDB takes its time to load.
    const { readLmdbFile } = await import("../etcd/backend/lmdb.ts");
    return await readLmdbFile(path, contentsOf);
  },
  out: (data) => process.stdout.write(data),
  error: (text) => process.stderr.write(`${text}\n`),
});

// A command that failed half way through its input must not wait for the rest of it.
process.stdin.destroy();
