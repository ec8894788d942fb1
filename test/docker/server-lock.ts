/**
 * `npm run generate:lock` writes docker/server/npm-shrinkwrap.json: of package-lock.json, what the server's image installs. npm packs no
 * package-lock.json, and the image needs few of this package's dependencies.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly [property: string]: unknown;
}

type Lock = { readonly packages: Readonly<Record<string, LockedPackage>> };

export interface ServerPackage {
  readonly name: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The part of `lock` that `root` needs, as a lock of its own. */
export function serverLock(root: ServerPackage, lock: Lock): object {
  const packages = new Map<string, LockedPackage>();
  const required = new Set<string>();
  const visit = (from: string, name: string, optional: boolean): void => {
    const path = resolvePath(lock, from, name);
    if (path === null) {
      if (optional) return;
      throw new Error(`package-lock.json lacks ${name}, which ${from || root.name} needs: run npm install`);
    }
    if (packages.has(path) && (optional || required.has(path))) return;
    const entry = lock.packages[path] as LockedPackage;
    packages.set(path, entry);
    if (!optional) required.add(path);
    for (const each of Object.keys(entry.dependencies ?? {})) visit(path, each, optional);
    for (const each of Object.keys(entry.optionalDependencies ?? {})) visit(path, each, true);
  };
  for (const name of Object.keys(root.dependencies)) visit("", name, false);
  const sorted = [...packages].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    name: root.name,
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": root,
      ...Object.fromEntries(
        sorted.map(([path, { dev: _, optional: __, ...entry }]) => [
          path,
          required.has(path) ? entry : { ...entry, optional: true },
        ]),
      ),
    },
  };
}

/** As Node looks for it: in the package's own node_modules, then in those of the folders above. */
function resolvePath(lock: Lock, from: string, name: string): string | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (path in lock.packages) return path;
    if (folder === "") return null;
  }
}

/** What docker/server/npm-shrinkwrap.json must hold now. */
export function wantedLock(): string {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
  const lock = serverLock(
    read(join("docker", "server", "package.json")) as ServerPackage,
    read("package-lock.json") as Lock,
  );
  return `${JSON.stringify(lock, null, 2)}\n`;
}

if (process.argv[1] === import.meta.filename)
  writeFileSync(join("docker", "server", "npm-shrinkwrap.json"), wantedLock());
