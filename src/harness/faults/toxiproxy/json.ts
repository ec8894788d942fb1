import { badRequestBody } from "./errors.ts";

/**
 * Request bodies read as Go's decoder reads them, because clients rely on it: names match in any case, unknown names and
 * whatever follows the first value are ignored, null is "absent", and a wrong type is refused; for an integer, 5.0 and 1e3 are.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

/** As written: 5.0 is not the integer 5. */
class NumberLiteral {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const DEPTH_MAX = 1000;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
const WORDS: readonly (readonly [string, unknown])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/** The first JSON value of a text. Every method throws 400. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw badRequestBody("exceeded max depth");
    const next = this.#peek();
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#array(depth);
    if (next === '"') return this.#string();
    const number = this.#match(NUMBER);
    if (number !== null) return new NumberLiteral(number);
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    throw this.#unexpected("looking for beginning of value");
  }

  #object(depth: number): JsonObject {
    const entries: [string, unknown][] = [];
    this.#at++;
    while (this.#peek() !== "}") {
      if (entries.length > 0) this.#expect(",", "after object key:value pair");
      if (this.#peek() !== '"') throw this.#unexpected("looking for beginning of object key string");
      const key = this.#string();
      this.#expect(":", "after object key");
      entries.push([key, this.value(depth + 1)]);
    }
    this.#at++;
    return Object.fromEntries(entries);
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    while (this.#peek() !== "]") {
      if (items.length > 0) this.#expect(",", "after array element");
      items.push(this.value(depth + 1));
    }
    this.#at++;
    return items;
  }

  #string(): string {
    const literal = this.#match(STRING);
    if (literal === null) throw badRequestBody("unexpected EOF");
    try {
      return JSON.parse(literal) as string;
    } catch {
      throw badRequestBody("invalid character in string");
    }
  }

  /** The next character that is no white space; empty at the end. */
  #peek(): string {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at++;
    return this.#text[this.#at] ?? "";
  }

  #expect(character: string, where: string): void {
    if (this.#peek() !== character) throw this.#unexpected(where);
    this.#at++;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    this.#at += found?.length ?? 0;
    return found;
  }

  #unexpected(where: string): Error {
    const next = this.#peek();
    return badRequestBody(next === "" ? "unexpected EOF" : `invalid character '${next}' ${where}`);
  }
}

/** The first JSON value of `text`. Throws 400. */
export function decodeFirst(text: string): unknown {
  if (text.trim() === "") throw badRequestBody("EOF");
  return new Reader(text).value(0);
}

export function decodeObject(text: string): JsonObject {
  return asObject(decodeFirst(text));
}

/** Null is an empty object, as in Go, where it leaves the struct as it was. */
export function asObject(value: unknown): JsonObject {
  if (value === null || value === undefined) return {};
  if (typeof value === "object" && !Array.isArray(value) && !(value instanceof NumberLiteral))
    return value as JsonObject;
  throw badRequestBody(`json: cannot unmarshal ${typeName(value)} into an object`);
}

export function asArray(value: unknown): readonly unknown[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value;
  throw badRequestBody(`json: cannot unmarshal ${typeName(value)} into an array`);
}

export function stringField(object: JsonObject, name: string): string | undefined {
  return typedField(object, name, "string", (value) => (typeof value === "string" ? value : undefined));
}

export function booleanField(object: JsonObject, name: string): boolean | undefined {
  return typedField(object, name, "bool", (value) => (typeof value === "boolean" ? value : undefined));
}

/** A 32-bit float, as near as its shortest decimal: what was given comes back. */
export function floatField(object: JsonObject, name: string): number | undefined {
  return typedField(object, name, "float32", (value) => {
    if (!(value instanceof NumberLiteral)) return undefined;
    const rounded = Math.fround(Number(value.text));
    return Number.isFinite(rounded) ? shortestFloat32(rounded) : undefined;
  });
}

/** A 64-bit integer; beyond 2^53 it saturates. */
export function integerField(object: JsonObject, name: string): number | undefined {
  return typedField(object, name, "int64", (value) => {
    if (!(value instanceof NumberLiteral) || !/^-?\d+$/.test(value.text)) return undefined;
    if (BigInt.asIntN(64, BigInt(value.text)) !== BigInt(value.text)) return undefined;
    const number = Number(value.text);
    return Math.min(Number.MAX_SAFE_INTEGER, Math.max(Number.MIN_SAFE_INTEGER, number));
  });
}

export function objectField(object: JsonObject, name: string): JsonObject {
  return asObject(field(object, name));
}

/** As Go writes JSON: characters that HTML could mistake are escaped. */
export function encode(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function typedField<T>(
  object: JsonObject,
  name: string,
  type: string,
  read: (value: unknown) => T | undefined,
): T | undefined {
  const value = field(object, name);
  if (value === undefined || value === null) return undefined;
  const result = read(value);
  if (result !== undefined) return result;
  const shown = type !== "string" && value instanceof NumberLiteral ? `number ${value.text}` : typeName(value);
  throw badRequestBody(`json: cannot unmarshal ${shown} into Go struct field .${name} of type ${type}`);
}

function field(object: JsonObject, name: string): unknown {
  let found: unknown;
  for (const [key, value] of Object.entries(object)) if (key.toLowerCase() === name) found = value;
  return found;
}

function typeName(value: unknown): string {
  if (value instanceof NumberLiteral) return "number";
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function shortestFloat32(rounded: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(rounded.toPrecision(digits));
    if (Math.fround(candidate) === rounded) return candidate;
  }
  return Number(rounded.toPrecision(9));
}
