import type { FieldInfo, MessageCodec } from "../proto/wire.ts";

/**
 * A message the way Go's encoding/json prints etcd's structs, which is what `etcdctl -w json` shows: the .proto's field names,
 * zero values left out, bytes in base64, 64-bit integers as bare digits, a oneof wrapped in Go's type names.
 */
export function goJson<Message>(codec: MessageCodec<Message>, message: Message): string {
  const object = message as Readonly<Record<string, unknown>>;
  const parts: string[] = [];
  for (const field of codec.fields()) {
    const text =
      field.oneof === undefined ? fieldJson(field, object[field.key]) : memberJson(field, object[field.oneof]);
    if (text !== null) parts.push(text);
  }
  return `{${parts.join(",")}}`;
}

/** A string as Go escapes it: also what would be markup in HTML. */
export function goString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function fieldJson(field: FieldInfo, value: unknown): string | null {
  if (field.repeated) {
    const items = value as readonly unknown[];
    return items.length === 0 ? null : `"${field.name}":[${items.map((item) => valueJson(field, item)).join(",")}]`;
  }
  return isZero(value) ? null : `"${field.name}":${valueJson(field, value)}`;
}

function memberJson(field: FieldInfo, value: unknown): string | null {
  const oneof = value as { readonly kind: string; readonly value: unknown } | null;
  if (oneof === null || oneof.kind !== field.key) return null;
  return `"${capitalized(field.oneof as string)}":{"${capitalized(field.key)}":${valueJson(field, oneof.value)}}`;
}

function valueJson(field: FieldInfo, value: unknown): string {
  if (field.message !== undefined) return goJson(field.message, value);
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString("base64")}"`;
  return typeof value === "string" ? goString(value) : String(value);
}

function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array || typeof value === "string") return value.length === 0;
  return value === null || value === 0 || value === 0n || value === false;
}

const capitalized = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
