/** Removes the cluster whose id is its one argument, as a process that outlives a harness in a hurry (DockerCluster.killAll). */
import { connectEngine } from "./engine.ts";
import { removeCluster } from "./leftovers.ts";

const LIMIT_MS = 60_000;

// What is left is swept up by the next start.
setTimeout(() => process.kill(process.pid, "SIGKILL"), LIMIT_MS).unref();
const [, , cluster = ""] = process.argv;
if (/^[0-9a-f]{12}$/.test(cluster))
  try {
    await removeCluster(await connectEngine(process.env), cluster);
  } catch {
    process.exitCode = 69;
  }
