import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";

/** Where a program lies that is called by its bare name; null when it is on no folder of the PATH. */
export function onPath(name: string, environment: NodeJS.ProcessEnv): string | null {
  for (const folder of (environment["PATH"] ?? "").split(delimiter)) {
    const path = resolve(folder, name);
    if (isProgram(path)) return path;
  }
  return null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
