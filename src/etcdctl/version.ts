import { Command } from "commander";
import type { Context } from "./context.ts";

/** The etcd release whose behaviour this client has. */
const VERSION = "3.7.1";

export function versionCommand(): Command {
  return new Command("version").description("Prints the version of etcdctl");
}

export async function version(context: Context): Promise<void> {
  context.line(`etcdctl version: ${VERSION}`);
  context.line(`API version: ${VERSION.split(".").slice(0, 2).join(".")}`);
}
