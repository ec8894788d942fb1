import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package's folder: the compiled files lie in dist/src below it. */
export const PACKAGE_FOLDER: string = fileURLToPath(new URL("../../../", import.meta.url));

export function faultlineVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
