/** Certificates for 127.0.0.1 and localhost, made by test/support/tls/make.sh. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const FOLDER = folderAbove(import.meta.dirname);

export interface Pair {
  readonly key: string;
  readonly cert: string;
}

/** The authority that has signed SERVER and CLIENT. */
export const CA: string = read("ca");
export const SERVER: Pair = { key: read("server-key"), cert: read("server") };
export const CLIENT: Pair = { key: read("client-key"), cert: read("client") };
/** Carries the server's names, but nobody has signed it. */
export const STRANGER: Pair = { key: read("stranger-key"), cert: read("stranger") };

function read(name: string): string {
  return readFileSync(join(FOLDER, `${name}.pem`), "utf8");
}

/** The build does not copy the certificates: they are found from the repository's root. */
function folderAbove(from: string): string {
  assert.notEqual(from, dirname(from), "the tests lie inside the repository");
  const folder = join(from, "test", "support", "tls");
  return existsSync(join(folder, "ca.pem")) ? folder : folderAbove(dirname(from));
}
