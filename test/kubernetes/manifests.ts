/** The manifests as data, and what there is to say against them. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

const FOLDER = join("docker", "kubernetes");

/** JSON as Kubernetes reads it. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Fields = { [key: string]: Json };

export interface Manifest extends Fields {
  apiVersion: string;
  kind: string;
  metadata: Fields;
}

/** Every document of every file, in a fixed order. Throws at what is not YAML, keys given twice among it. */
export function readManifests(): Manifest[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));
  return files.sort().flatMap((name) =>
    parseAllDocuments(readFileSync(join(FOLDER, name), "utf8")).map((document) => {
      const [error] = [...document.errors, ...document.warnings];
      if (error !== undefined) throw error;
      return document.toJS() as Manifest;
    }),
  );
}

/** Validators made of Kubernetes' own OpenAPI schemas, and of the operator's custom resource. */
const PACKAGES: Readonly<Record<string, string>> = {
  v1: "kubernetes-models/v1",
  "apps/v1": "kubernetes-models/apps/v1",
  "batch/v1": "kubernetes-models/batch/v1",
  "policy/v1": "kubernetes-models/policy/v1",
  "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
};

interface Validator {
  readonly prototype: { validate(this: unknown): void };
}

const require = createRequire(import.meta.url);

/**
 * What the schema of its kind has against a manifest. The API server refuses fields that it does not know, the schemas do not: but a
 * validator reads each field that it knows, so what it has not looked at is unknown.
 */
export function schemaProblems(manifest: Manifest): string[] {
  const name = PACKAGES[manifest.apiVersion];
  const validator = name === undefined ? undefined : (require(name) as Record<string, Validator>)[manifest.kind];
  if (validator === undefined) return [`no schema for ${manifest.apiVersion} ${manifest.kind}`];
  const looked = new Set<string>();
  try {
    validator.prototype.validate.call(watched(manifest, "", looked));
  } catch (error) {
    return [(error as Error).message];
  }
  return pathsOf(manifest)
    .filter((path) => !looked.has(path))
    .map((path) => `unknown field ${path}`);
}

/** Takes down which fields are read. */
function watched(value: Json, path: string, looked: Set<string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const field = (target as Record<PropertyKey, Json>)[key];
      if (typeof key !== "string" || !Object.hasOwn(target, key)) return field;
      const inner = `${path}/${escaped(key)}`;
      looked.add(inner);
      return watched(field as Json, inner, looked);
    },
  });
}

/** Labels have slashes in their names: as in RFC 6901. */
function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function unescaped(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** Where a field lies, and its name there. */
export function split(path: string): readonly [folder: string, key: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash), unescaped(path.slice(slash + 1))];
}

/** All fields and list items as JSON pointers, "/spec/replicas". */
export function pathsOf(value: Json, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const pointer = `${path}/${escaped(key)}`;
    return [pointer, ...pathsOf(inner, pointer)];
  });
}

/** The value at a path; undefined when there is none. */
export function at(value: Json, path: string): Json | undefined {
  let found: Json | undefined = value;
  for (const key of path.split("/").slice(1))
    found = typeof found === "object" && found !== null ? (found as Fields)[unescaped(key)] : undefined;
  return found;
}
