import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Creates a directory and its missing parents; returns those it made, the outermost first. Throws the system's error. Node's own recursive
 * mkdir goes round for ever where a parent exists but nothing can be created in it (/proc): hence parent by parent.
 */
export function makeDirectories(path: string, mode = 0o777): readonly string[] {
  try {
    mkdirSync(path, { mode });
    return [path];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return [];
    const parent = dirname(resolve(path));
    if (code !== "ENOENT" || parent === resolve(path)) throw error;
    const made = makeDirectories(parent, mode);
    mkdirSync(path, { mode });
    return [...made, path];
  }
}
