import type { EtcdSource, Target } from "../model.ts";

/** What a person may write, for messages. */
export const TARGET_FORMS = "ts, etcd, etcd=BINARY or etcd@3.7.3";

/** Becomes a folder's name and a Go module's version: nothing else may get in. */
const RELEASE = /^\d{1,3}\.\d{1,3}\.\d{1,3}(-(alpha|beta|rc)\.\d{1,3})?$/;

/**
 * "ts", "etcd" (the one on the PATH), "etcd=BINARY" (a path, or a name on the PATH) or "etcd@VERSION" as a target; null when it is
 * none of these.
 */
export function parseTarget(text: string): Target | null {
  if (text === "ts") return { kind: "ts" };
  const source = text === "etcd" ? binary("etcd") : parseSource(text);
  return source === null ? null : { kind: "etcd", source };
}

function parseSource(text: string): EtcdSource | null {
  const rest = text.slice("etcd=".length);
  if (rest === "") return null;
  if (text.startsWith("etcd=")) return binary(rest);
  return text.startsWith("etcd@") && RELEASE.test(rest) ? { kind: "version", version: rest } : null;
}

function binary(name: string): EtcdSource {
  return { kind: "binary", binary: name };
}
