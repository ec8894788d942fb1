import { badRequestBody } from "./errors.ts";

/**
 * Request bodies read as Go's decoder reads them, because clients rely on it: names match in any case, unknown names and
 * whatever follows the first value are ignored, null is "absent", and a wrong type is refused.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The first JSON value of `text`. Throws 400. */
export function decodeFirst(text: string): unknown {
  if (text.trim() === "") throw badRequestBody("EOF");
  try {
    return JSON.parse(text);
  } catch {
    // Either broken, or more follows the first value.
  }
  try {
    return JSON.parse(text.slice(0, firstValueEnd(text)));
  } catch (error) {
    throw badRequestBody((error as Error).message);
  }
}

export function decodeObject(text: string): JsonObject {
  return asObject(decodeFirst(text));
}

/** Null is an empty object, as in Go, where it leaves the struct as it was. */
export function asObject(value: unknown): JsonObject {
  if (value === null || value === undefined) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as JsonObject;
  throw badRequestBody(`json: cannot unmarshal ${typeName(value)} into an object`);
}

export function asArray(value: unknown): readonly unknown[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value;
  throw badRequestBody(`json: cannot unmarshal ${typeName(value)} into an array`);
}

export function stringField(object: JsonObject, name: string): string | undefined {
  return typedField(object, name, "string", (value) => typeof value === "string") as string | undefined;
}

export function booleanField(object: JsonObject, name: string): boolean | undefined {
  return typedField(object, name, "bool", (value) => typeof value === "boolean") as boolean | undefined;
}

export function numberField(object: JsonObject, name: string): number | undefined {
  return typedField(object, name, "float32", (value) => typeof value === "number") as number | undefined;
}

export function integerField(object: JsonObject, name: string): number | undefined {
  return typedField(object, name, "int64", (value) => Number.isSafeInteger(value)) as number | undefined;
}

export function objectField(object: JsonObject, name: string): JsonObject {
  return asObject(field(object, name));
}

function typedField(object: JsonObject, name: string, type: string, fits: (value: unknown) => boolean): unknown {
  const value = field(object, name);
  if (value === undefined || value === null) return undefined;
  if (fits(value)) return value;
  const shown = typeof value === "number" ? `number ${value}` : typeName(value);
  throw badRequestBody(`json: cannot unmarshal ${shown} into Go struct field .${name} of type ${type}`);
}

function field(object: JsonObject, name: string): unknown {
  let found: unknown;
  for (const [key, value] of Object.entries(object)) if (key.toLowerCase() === name) found = value;
  return found;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** Where the first object, array or plain value of `text` ends. */
function firstValueEnd(text: string): number {
  let depth = 0;
  let inString = false;
  for (let i = text.search(/\S/); i < text.length; i++) {
    const character = text[i] as string;
    if (inString) {
      if (character === "\\") i++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (depth === 0 && /[\s,]/.test(character)) return i;
    if (depth === 0 && !inString && /["}\]]/.test(character)) return i + 1;
  }
  return text.length;
}
