import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Ports } from "../../src/harness/cluster/ports.ts";
import { clientOf } from "../client/member.ts";
import { freePortsOf } from "../support/etcd-server.ts";

/** The program of each server and its first arguments; Go's is wherever the PATH has it. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "etcd-ts": [process.execPath, fileURLToPath(new URL("../../src/etcd/main.js", import.meta.url))],
  "Go etcd": ["etcd"],
};
export const TARGETS: readonly string[] = Object.keys(PROGRAMS);

/** False, or why tests against this server cannot run. */
export function skipTarget(target: string): string | false {
  const [program = ""] = PROGRAMS[target] ?? [];
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0 ? false : `${program} is not installed`;
}

export interface Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * A cluster of one server under the URLs and token the transcripts were recorded with, so that its ids are the recorded ones; it
 * listens on free ports instead. Resolves when it answers a linearizable read.
 */
export async function startServer(target: string): Promise<Server> {
  const directory = await mkdtemp(path.join(os.tmpdir(), "faultline-etcdctl-"));
  const ports = new Ports();
  const [clientPort, peerPort] = await freePortsOf(ports, 2);
  const flags = {
    name: "n1",
    "data-dir": path.join(directory, "data"),
    "listen-client-urls": `http://127.0.0.1:${clientPort}`,
    "advertise-client-urls": "http://127.0.0.1:33790",
    "listen-peer-urls": `http://127.0.0.1:${peerPort}`,
    "initial-advertise-peer-urls": "http://127.0.0.1:33800",
    "initial-cluster": "n1=http://127.0.0.1:33800",
    "initial-cluster-token": "golden",
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const [program, ...first] = PROGRAMS[target] as [string, ...string[]];
  const child = spawn(program, [...first, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  const log: string[] = [];
  child.stderr.on("data", (bytes) => log.push(String(bytes)));
  const endpoint = `127.0.0.1:${clientPort}`;
  try {
    await answering(endpoint, child);
  } catch (error) {
    await ports.close();
    throw new Error(`${target} did not start: ${log.join("")}`, { cause: error });
  }
  return {
    endpoint,
    async stop() {
      await ended(child);
      await ports.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answering(endpoint: string, child: ChildProcess): Promise<void> {
  const client = clientOf([endpoint], { timeoutMs: 20_000 });
  const died = once(child, "exit").then(([code]) => Promise.reject(new Error(`exit code ${code}`)));
  try {
    const range = async (): Promise<void> => {
      // The client gives up after 100 attempts: a slow start may need more of them.
      for (let attempt = 0; ; attempt++) {
        const error = await client.kv.range({ key: new Uint8Array([1]) }).then(
          () => null,
          (reason: unknown) => reason,
        );
        if (error === null) return;
        if (attempt === 10) throw error;
      }
    };
    await Promise.race([range(), died]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    died.catch(() => {});
    client.close();
  }
}

/** Ends a child and waits until it has gone. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
