/** The house's rules that no compiler knows: who may import whom (the design's table), what is banned, and that every file is used. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

/** Longest prefix wins: a folder is a room, and so is a single file named here. A room may always import itself. */
const ROOMS = [
  "src/base",
  "src/env",
  "src/env/node",
  "src/proto",
  "src/grpc",
  "src/etcd/model.ts",
  "src/etcd/errors.ts",
  "src/etcd/config",
  "src/etcd/raft",
  "src/etcd/wal",
  "src/etcd/backend",
  "src/etcd/backend/lmdb.ts",
  "src/etcd/backend/lmdb-file.ts",
  "src/etcd/mvcc",
  "src/etcd/lease",
  "src/etcd/cluster",
  "src/etcd/apply",
  "src/etcd/watch",
  "src/etcd/peer",
  "src/etcd/api",
  "src/etcd/boot",
  "src/etcd/main.ts",
  "src/etcd",
  "src/client",
  "src/etcdctl",
  "src/etcdctl/main.ts",
  "src/harness/model",
  "src/harness/plan",
  "src/harness/cluster",
  "src/harness/faults",
  "src/harness/load",
  "src/harness/history",
  "src/harness/checks",
  "src/harness/report",
  "src/harness/gate",
  "src/sim",
  "src/mutants",
  "src/commands",
  "src/main.ts",
] as const;
type Room = (typeof ROOMS)[number];

const ETCD_MODEL: readonly Room[] = ["src/etcd/model.ts", "src/etcd/errors.ts"];
const ANY = "anything";

const MAY_IMPORT: Readonly<Record<Room, readonly Room[] | typeof ANY>> = {
  "src/base": [],
  "src/env": ["src/base"],
  "src/env/node": ["src/base", "src/env"],
  "src/proto": ["src/base"],
  "src/grpc": ["src/base", "src/env"],
  "src/etcd/model.ts": ["src/base", "src/proto", "src/etcd/errors.ts"],
  "src/etcd/errors.ts": ["src/base", "src/proto"],
  "src/etcd/config": ["src/base", ...ETCD_MODEL],
  "src/etcd/raft": ["src/base", ...ETCD_MODEL],
  "src/etcd/wal": ["src/base", "src/env", ...ETCD_MODEL],
  "src/etcd/backend": ["src/base", "src/env", ...ETCD_MODEL],
  // Handed in by whoever has a real disk: only main files and tests import it.
  "src/etcd/backend/lmdb.ts": ["src/base", ...ETCD_MODEL, "src/etcd/backend", "src/etcd/backend/lmdb-file.ts"],
  "src/etcd/backend/lmdb-file.ts": [],
  "src/etcd/mvcc": ["src/base", "src/proto", ...ETCD_MODEL, "src/etcd/backend"],
  "src/etcd/cluster": ["src/base", "src/proto", ...ETCD_MODEL, "src/etcd/backend"],
  "src/etcd/lease": ["src/base", "src/proto", ...ETCD_MODEL, "src/etcd/backend"],
  "src/etcd/apply": ["src/base", "src/proto", ...ETCD_MODEL, "src/etcd/mvcc", "src/etcd/lease", "src/etcd/cluster"],
  "src/etcd/watch": ["src/base", "src/proto", ...ETCD_MODEL, "src/etcd/mvcc"],
  "src/etcd/peer": ["src/base", "src/env", "src/proto", "src/grpc", ...ETCD_MODEL],
  "src/etcd/api": ["src/base", "src/env", "src/proto", "src/grpc", ...ETCD_MODEL],
  // member.ts and what stands beside it: all of etcd that is not an edge.
  "src/etcd": [
    "src/base",
    "src/env",
    "src/proto",
    ...ETCD_MODEL,
    "src/etcd/raft",
    "src/etcd/wal",
    "src/etcd/backend",
    "src/etcd/mvcc",
    "src/etcd/lease",
    "src/etcd/cluster",
    "src/etcd/apply",
    "src/etcd/watch",
  ],
  "src/etcd/boot": [
    "src/base",
    "src/env",
    "src/env/node",
    ...ETCD_MODEL,
    "src/etcd/config",
    "src/etcd/wal",
    "src/etcd/backend",
    "src/etcd/backend/lmdb.ts",
    "src/etcd/cluster",
    "src/etcd/peer",
    "src/etcd",
  ],
  "src/etcd/main.ts": [
    "src/base",
    "src/env",
    "src/env/node",
    "src/proto",
    "src/grpc",
    ...ETCD_MODEL,
    "src/etcd/config",
    "src/etcd/raft",
    "src/etcd/wal",
    "src/etcd/backend",
    "src/etcd/backend/lmdb.ts",
    "src/etcd/mvcc",
    "src/etcd/lease",
    "src/etcd/cluster",
    "src/etcd/apply",
    "src/etcd/watch",
    "src/etcd/peer",
    "src/etcd/api",
    "src/etcd/boot",
    "src/etcd",
  ],
  "src/client": ["src/base", "src/env", "src/proto", "src/grpc"],
  "src/etcdctl": ["src/base", "src/env", "src/proto", "src/grpc", "src/client"],
  // `snapshot status` looks into a store's file.
  "src/etcdctl/main.ts": [
    "src/base",
    "src/env",
    "src/env/node",
    "src/proto",
    "src/grpc",
    "src/client",
    "src/etcdctl",
    "src/etcd",
    "src/etcd/backend/lmdb.ts",
  ],
  "src/harness/model": [],
  "src/harness/plan": ["src/base", "src/harness/model"],
  "src/harness/cluster": ["src/base", "src/env", "src/env/node", "src/proto", "src/client", "src/harness/model"],
  "src/harness/faults": [
    "src/base",
    "src/env",
    "src/env/node",
    "src/proto",
    "src/client",
    "src/harness/model",
    "src/harness/cluster",
  ],
  "src/harness/load": [
    "src/base",
    "src/env",
    "src/env/node",
    "src/proto",
    "src/grpc",
    "src/client",
    "src/harness/model",
    "src/harness/history",
  ],
  "src/harness/history": ["src/base", "src/harness/model"],
  "src/harness/checks": ["src/base", "src/proto", "src/harness/model", "src/harness/history"],
  "src/harness/report": ["src/base", "src/harness/model", "src/harness/history", "src/harness/checks"],
  "src/harness/gate": ["src/base", "src/harness/model", "src/harness/checks"],
  // The whole server but its edges, as it is: etcd's rooms are named where the simulator needs more of them than the member.
  "src/sim": [
    "src/base",
    "src/env",
    "src/proto",
    ...ETCD_MODEL,
    "src/etcd",
    "src/etcd/wal",
    "src/etcd/backend",
    "src/etcd/cluster",
    "src/etcd/mvcc",
    "src/etcd/raft",
    "src/harness/model",
    "src/harness/history",
    "src/harness/checks",
  ],
  "src/mutants": ["src/base", "src/env", ...ETCD_MODEL, "src/etcd", "src/etcd/raft", "src/etcd/wal"],
  "src/commands": ANY,
  "src/main.ts": ANY,
};

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|(?:^|\n)import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|new URL\(\s*"(\.[^"]+)"/g;

function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(".ts") && statSync(path).isFile())
    .sort()
    .map((path) => {
      const text = readFileSync(path, "utf8");
      const imports = [...text.matchAll(IMPORT)].map(
        (match) => (match[1] ?? match[2] ?? match[3] ?? match[4]) as string,
      );
      return { path, text, imports };
    });
}

function roomOf(path: string): Room {
  const room = ROOMS.filter((name) => path === name || path.startsWith(`${name}/`)).sort(
    (a, b) => b.length - a.length,
  )[0];
  assert.ok(room !== undefined, `${path} lies in no room of the design's table`);
  return room;
}

/** A relative import's file in the source tree; built URLs end in .js. */
function target(file: SourceFile, specifier: string): string {
  return normalize(join(dirname(file.path), specifier)).replace(/\.js$/, ".ts");
}

const files = sourceFiles("src");

test("every import follows the table of rooms", () => {
  const wrong: string[] = [];
  let checked = 0;
  for (const file of files) {
    const room = roomOf(file.path);
    const allowed = MAY_IMPORT[room];
    for (const specifier of file.imports) {
      if (!specifier.startsWith(".")) continue;
      checked++;
      const other = target(file, specifier);
      if (!other.startsWith("src/")) {
        // Packages' files (package.json) are read, tests never imported.
        if (other.startsWith("test/")) wrong.push(`${file.path} imports a test: ${specifier}`);
        continue;
      }
      const otherRoom = roomOf(other);
      if (otherRoom === room || allowed === ANY || allowed.includes(otherRoom)) continue;
      wrong.push(`${file.path} (${room}) must not import ${other} (${otherRoom})`);
    }
  }
  assert.ok(checked > 100, `the rule saw imports (${checked})`);
  assert.deepEqual(wrong, []);
});

/** Packages and Node's own modules belong at the edges; the server's core and the checks touch neither. */
const MODULES: readonly { readonly rooms: RegExp; readonly allowed: RegExp }[] = [
  { rooms: /^src\/(base|proto|client|grpc)$/, allowed: /^$/ },
  { rooms: /^src\/env$/, allowed: /^$/ },
  {
    rooms: /^src\/etcd\/(model\.ts|errors\.ts|raft|wal|backend|mvcc|lease|apply|watch|peer)$|^src\/etcd$/,
    allowed: /^$/,
  },
  { rooms: /^src\/etcd\/backend\/lmdb(-file)?\.ts$/, allowed: /^(lmdb|node:fs\/promises)$/ },
  { rooms: /^src\/etcd\/cluster$/, allowed: /^node:crypto$/ },
  { rooms: /^src\/etcd\/api$/, allowed: /^(prom-client|node:crypto)$/ },
  { rooms: /^src\/etcd\/config$/, allowed: /^(node:path|commander)$/ },
  { rooms: /^src\/harness\/(checks|gate|model)$|^src\/(sim|mutants)$/, allowed: /^$/ },
];

test("the pure rooms import no package and no module of Node's", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const rule = MODULES.find((candidate) => candidate.rooms.test(roomOf(file.path)));
    if (rule === undefined) continue;
    for (const specifier of file.imports)
      if (!specifier.startsWith(".") && !rule.allowed.test(specifier)) wrong.push(`${file.path} imports ${specifier}`);
  }
  assert.deepEqual(wrong, []);
});

interface Ban {
  readonly pattern: RegExp;
  readonly where: RegExp;
  readonly instead: string;
}

const BANS: readonly Ban[] = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    where: /^src\/(base|proto|grpc|client|sim|mutants|etcd\/(?!main\.ts)|harness\/checks)/,
    instead: "env's Clock",
  },
  {
    pattern: /\bsetTimeout\(|\bsetInterval\(/,
    where: /^src\/(base|proto|grpc|client|sim|mutants|etcd\/(?!main\.ts)|harness\/checks)/,
    instead: "env's Clock.after",
  },
  { pattern: /\bMath\.random\(/, where: /^src\//, instead: "a seeded Prng handed in" },
  {
    pattern: /\bprocess\.exit\(/,
    where: /^src\/(?!main\.ts|etcd\/main\.ts|etcdctl\/main\.ts|harness\/faults\/toxiproxy\/main\.ts)/,
    instead: "returning an exit code to main",
  },
  { pattern: /\b(?:TODO|FIXME|XXX)\b/, where: /^src\//, instead: "doing it, or an issue" },
  { pattern: /\bas any\b|: any\b|<any>/, where: /^src\//, instead: "unknown and a check" },
  { pattern: /@ts-ignore|@ts-nocheck/, where: /^(src|test)\//, instead: "the right type" },
];

test("banned words have replacements", () => {
  const wrong: string[] = [];
  for (const file of files) {
    for (const ban of BANS) {
      if (!ban.where.test(file.path)) continue;
      file.text.split("\n").forEach((line, i) => {
        const code = line.replace(/\/\/.*$|^\s*\*.*$|^\s*\/\*.*$/, "");
        if (ban.pattern.test(code)) wrong.push(`${file.path}:${i + 1} use ${ban.instead}: ${line.trim()}`);
      });
    }
  }
  assert.deepEqual(wrong, []);
});

test("no file is dead: each is an entry point or imported by another", () => {
  const entries = /^src\/(main|etcd\/main|etcdctl\/main|client\/client|harness\/faults\/toxiproxy\/main)\.ts$/;
  const used = new Set<string>();
  for (const file of [...files, ...sourceFiles("test")])
    for (const s of file.imports) if (s.startsWith(".")) used.add(target(file, s));
  const dead = files.map((file) => file.path).filter((path) => !entries.test(path) && !used.has(path));
  assert.deepEqual(dead, []);
});

test("property tests make long lists: they take fast-check as test/support has set it", () => {
  const bare = sourceFiles("test").filter((file) => file.imports.includes("fast-check"));
  assert.deepEqual(
    bare.map((file) => file.path),
    ["test/support/fast-check.ts"],
  );
});

test("files fit in a head", () => {
  const long = files
    .filter((file) => !file.path.includes("/gen/"))
    .map((file) => ({ path: file.path, lines: file.text.split("\n").length }))
    .filter((file) => file.lines > 600);
  assert.deepEqual(long, []);
});
