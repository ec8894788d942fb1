/** `npm run generate`: writes src/proto/gen/*.ts from src/proto/*.proto. Runs from the repository's root. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { generate } from "./generator.ts";
import type { ProtoFile } from "./schema.ts";

export const PROTO_DIRECTORY = "src/proto";

export function readProtoFiles(): readonly ProtoFile[] {
  const names = readdirSync(PROTO_DIRECTORY).filter((name) => name.endsWith(".proto"));
  return names.sort().map((name) => ({
    name: path.basename(name, ".proto"),
    text: readFileSync(path.join(PROTO_DIRECTORY, name), "utf8"),
  }));
}

/** File name to formatted text. */
export function generateFormatted(files: readonly ProtoFile[]): ReadonlyMap<string, string> {
  const biome = ["node_modules/@biomejs/biome/bin/biome", "format", "--config-path=.biome.json"];
  const formatted = new Map<string, string>();
  for (const [name, input] of generate(files)) {
    const args = [...biome, `--stdin-file-path=${PROTO_DIRECTORY}/gen/${name}`];
    formatted.set(name, execFileSync(process.execPath, args, { input, encoding: "utf8", maxBuffer: 2 ** 26 }));
  }
  return formatted;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const directory = path.join(PROTO_DIRECTORY, "gen");
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of generateFormatted(readProtoFiles())) writeFileSync(path.join(directory, name), text);
}
