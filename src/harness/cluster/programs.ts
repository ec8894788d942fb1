import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { EtcdSource, LaunchedTarget } from "../model/plan.ts";
import { CommandFailure, runCommand } from "./command.ts";
import { buildEtcd, cacheFolder } from "./etcd-build.ts";
import { type Program, TargetError } from "./targets.ts";

const VERSION_LIMIT_MS = 20_000;
const ELSEWHERE = "name another with --target etcd=BINARY, or let one be built with --target etcd@3.7.3";

export interface FindOptions {
  /** PATH, HOME, XDG_CACHE_HOME. */
  readonly environment: NodeJS.ProcessEnv;
  /** Told before something that takes long. */
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

type EtcdProgram = Extract<Program, { kind: "etcd" }>;

/**
 * Finds the target's program and asks it for its version. A release of Go etcd is taken from the user's cache, or is the one on the
 * PATH, or is built into the cache: that takes minutes, once. Rejects with TargetError, or with the signal's reason.
 */
export async function findProgram(target: LaunchedTarget, options: FindOptions): Promise<Program> {
  if (target.kind === "ts") return { kind: "ts" };
  const { source } = target;
  try {
    return source.kind === "binary" ? await findBinary(source.binary, options) : await findRelease(source, options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof CommandFailure) throw new TargetError(error.message);
    // The system's: the cache cannot be written.
    if (error instanceof Error && "syscall" in error)
      throw new TargetError(`${error.message}; set XDG_CACHE_HOME to a folder that can be written`);
    throw error;
  }
}

/** A path is one of this folder's, as everywhere on a command line. */
async function findBinary(name: string, options: FindOptions): Promise<EtcdProgram> {
  const binary = name.includes("/") ? resolve(name) : name;
  const program = await askVersion(binary, options);
  if (program === null) throw new TargetError(`${binary} is not a program that can be run; ${ELSEWHERE}`);
  return program;
}

async function findRelease(source: EtcdSource & { kind: "version" }, options: FindOptions): Promise<EtcdProgram> {
  const { version } = source;
  const folder = join(cacheFolder(options.environment), version);
  const cached = join(folder, "etcd");
  if (!existsSync(cached)) {
    const installed = await askVersion("etcd", options).catch(() => null);
    if (installed?.version === version) return installed;
    await buildEtcd(version, folder, options);
  }
  const program = await askVersion(cached, options);
  if (program?.version === version) return program;
  throw new TargetError(`${cached} is not etcd ${version}: remove ${folder} and run again`);
}

/** Null when there is no such program. */
async function askVersion(binary: string, { environment, signal }: FindOptions): Promise<EtcdProgram | null> {
  const output = await runCommand([binary, "--version"], { environment, signal, limitMs: VERSION_LIMIT_MS });
  if (output === null) return null;
  const version = /^etcd Version: (\S+)$/m.exec(output)?.[1];
  if (version === undefined) throw new TargetError(`${binary} does not say that it is etcd; ${ELSEWHERE}`);
  return { kind: "etcd", binary, version, compiler: /^Go Version: (\S+)$/m.exec(output)?.[1] ?? "unknown compiler" };
}
