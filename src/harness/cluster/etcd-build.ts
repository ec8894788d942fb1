import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { makeDirectories } from "../../env/node/directories.ts";
import { runCommand } from "./command.ts";
import { TargetError } from "./targets.ts";

const MODULE = "go.etcd.io/etcd/server/v3";
/** Older releases are no Go module of their own. */
const BUILDABLE = /^3\.([5-9]|\d\d+)\./;
const BUILD_LIMIT_MS = 20 * 60_000;
const BUILD_PREFIX = ".building-";
/** A build that lies there longer belongs to nobody any more. */
const ABANDONED_MS = 60 * 60_000;

const MAIN = `package main

import (
	"os"

	"${MODULE}/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`;

export interface BuildOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Where releases of Go etcd are kept, a folder for each version (XDG base directories; a relative XDG_CACHE_HOME does not count). */
export function cacheFolder(environment: NodeJS.ProcessEnv): string {
  const configured = environment["XDG_CACHE_HOME"] ?? "";
  const base = isAbsolute(configured) ? configured : join(environment["HOME"] ?? homedir(), ".cache");
  return join(base, "faultline", "etcd");
}

/**
 * Builds etcd at `version` from its Go module as `folder`/etcd, in a folder beside it that is renamed when it is complete: whoever
 * else builds the same at this moment cannot be disturbed, and the first to finish wins. Rejects with TargetError, or CommandFailure when Go
 * fails.
 */
export async function buildEtcd(version: string, folder: string, options: BuildOptions): Promise<void> {
  const advice = "install that release and name it with --target etcd=BINARY";
  if (!BUILDABLE.test(version)) throw new TargetError(`etcd ${version} is too old to be built here: ${advice}`);
  const cache = join(folder, "..");
  makeDirectories(cache);
  removeAbandoned(cache);
  const work = mkdtempSync(join(cache, `${BUILD_PREFIX}${version}-`));
  const environment = { ...options.environment, CGO_ENABLED: "0", GO111MODULE: "on", GOWORK: "off" };
  const go = async (...args: readonly string[]): Promise<void> => {
    const command = { environment, folder: work, signal: options.signal, limitMs: BUILD_LIMIT_MS };
    if ((await runCommand(["go", ...args], command)) === null)
      throw new TargetError(
        `etcd ${version} is not on this machine and there is no Go toolchain to build it: install Go, or ${advice}`,
      );
  };
  try {
    writeFileSync(join(work, "main.go"), MAIN);
    await go("mod", "init", "faultline/etcd");
    options.say(`building etcd ${version} from its Go module: this takes a minute or more, once`);
    await go("get", `${MODULE}@v${version}`);
    await go("build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", "etcd", ".");
    moveInto(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function moveInto(work: string, folder: string): void {
  try {
    renameSync(work, folder);
  } catch (error) {
    // Somebody else was quicker: a folder that is not empty cannot be replaced, and need not be.
    if (!existsSync(join(folder, "etcd"))) throw error;
  }
}

/** Left by builds that were killed. */
function removeAbandoned(cache: string): void {
  for (const name of readdirSync(cache)) {
    if (!name.startsWith(BUILD_PREFIX)) continue;
    const path = join(cache, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY);
    if (age > ABANDONED_MS) rmSync(path, { recursive: true, force: true });
  }
}
