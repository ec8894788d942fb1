import {
  linuxMounts,
  longestMount,
  type StorageEnvironment,
  storageEnvironment,
  syncProgram,
  syncQuantiles,
} from "../environment.ts";
import { type Engine, engineTrouble } from "./engine.ts";

const MEASURE_LIMIT_MS = 10_000;

/**
 * What a container's `folder` lies on, asked inside of it: the engine's disk need not be the one that the reports are on. Needs
 * Node in the container to measure syncs; where there is none they are unknown, and a warning says so.
 */
export async function inspectStorage(engine: Engine, container: string, folder: string): Promise<StorageEnvironment> {
  const run = async (command: readonly string[]): Promise<string> => {
    const { exitCode, stdout, output } = await engine.client.container.exec(engine.dockerode.getContainer(container), [
      ...command,
    ]);
    if (exitCode !== 0) throw new Error(output.trim().split("\n").at(-1) ?? `exit code ${exitCode}`);
    return stdout;
  };
  let filesystem = "unknown";
  let limit: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      limit = setTimeout(() => reject(new Error("it took too long")), MEASURE_LIMIT_MS);
    });
    const measured = (async () => {
      filesystem = longestMount(folder, linuxMounts(await run(["cat", "/proc/self/mounts"]))) ?? "unknown";
      return syncQuantiles(JSON.parse(await run(["node", "-e", syncProgram(folder)])) as number[]);
    })();
    const { p99Ns } = await Promise.race([measured, late]);
    return storageEnvironment(filesystem, p99Ns);
  } catch (error) {
    const { warnings, ...storage } = storageEnvironment(filesystem, null);
    return {
      ...storage,
      warnings: [...warnings, `syncs could not be measured in ${container}: ${engineTrouble(error)}`],
    };
  } finally {
    clearTimeout(limit);
  }
}
