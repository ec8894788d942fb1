/** What the generator and the tests need to know of the .proto files. */
import protobuf from "protobufjs";
import { assert } from "../../src/base/assert.ts";

export interface ProtoFile {
  /** Without ".proto": the generated file's name too. */
  readonly name: string;
  readonly text: string;
}

/** What is known of one scalar type: its TypeScript type, its default, how a present value differs, its reader and writer. */
export interface Scalar {
  readonly type: string;
  readonly zero: string;
  readonly present: (value: string) => string;
  readonly method: string;
  readonly writer?: string;
  readonly wire: 0 | 2;
}

const nonZero = (value: string): string => `${value} !== 0`;
export const nonEmpty = (value: string): string => `${value}.length !== 0`;
const nonZeroName = (value: string): string => `${value} !== 0n`;
const SCALARS: Readonly<Record<string, Scalar>> = {
  bool: { type: "boolean", zero: "false", present: (value) => value, method: "bool", wire: 0 },
  uint32: { type: "number", zero: "0", present: nonZero, method: "uint32", wire: 0 },
  uint64: { type: "number", zero: "0", present: nonZero, method: "uint64", wire: 0 },
  int64: { type: "number", zero: "0", present: nonZero, method: "int64", wire: 0 },
  uint64Name: { type: "bigint", zero: "0n", present: nonZeroName, method: "uint64Name", writer: "name", wire: 0 },
  int64Name: { type: "bigint", zero: "0n", present: nonZeroName, method: "int64Name", writer: "name", wire: 0 },
  string: { type: "string", zero: '""', present: nonEmpty, method: "string", wire: 2 },
  bytes: { type: "Uint8Array", zero: "EMPTY_BYTES", present: nonEmpty, method: "bytes", wire: 2 },
};

/** The whole schema, names resolved. */
export function parseSchema(files: readonly ProtoFile[]): protobuf.Root {
  const root = new protobuf.Root();
  for (const file of files) {
    const parsed = protobuf.parse(file.text, root, { keepCase: true });
    assert(parsed.package !== undefined, "a .proto file names its package", { file: file.name });
    parsed.root.lookup(parsed.package as string)?.setOption("file", file.name);
  }
  root.resolveAll();
  return root;
}

export function packagesOf(root: protobuf.NamespaceBase): protobuf.Namespace[] {
  return root.nestedArray.flatMap((item) => {
    if (!(item instanceof protobuf.Namespace) || item instanceof protobuf.Type) return [];
    return [...(item.options?.["file"] === undefined ? [] : [item]), ...packagesOf(item)];
  });
}

export const messagesOf = (namespace: protobuf.Namespace): protobuf.Type[] =>
  namespace.nestedArray.filter((item) => item instanceof protobuf.Type);

export function fileOf(item: protobuf.ReflectionObject): string {
  for (let at: protobuf.ReflectionObject | null = item; at !== null; at = at.parent) {
    const file: unknown = at.options?.["file"];
    if (typeof file === "string") return file;
  }
  throw new Error(`${item.fullName} belongs to no file`);
}

/** range_end, peerURLs, member_ID -> rangeEnd, peerUrls, memberId. */
export function camelCase(name: string): string {
  const parts = name.match(/[A-Z]{2,}s?|[A-Z]?[a-z0-9]+|[A-Z]/g) ?? [];
  return parts
    .map((part, i) => (i === 0 ? "" : part.charAt(0).toUpperCase()) + part.slice(i && 1).toLowerCase())
    .join("");
}

/** Nested enums lose their parent's name, but for one called just "Type". */
export function typeName(item: protobuf.ReflectionObject): string {
  return item.name === "Type" && item.parent !== null ? item.parent.name + item.name : item.name;
}

export function scalarOf(field: protobuf.Field): Scalar | null {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Type) return null;
  if (resolved instanceof protobuf.Enum) {
    assert(Object.values(resolved.values).includes(0), "a proto3 enum has a zero", { name: resolved.fullName });
    return { type: typeName(resolved), zero: "0", present: nonZero, method: "enumeration", wire: 0 };
  }
  const scalar = SCALARS[field.options?.["jstype"] === "JS_STRING" ? `${field.type}Name` : field.type];
  assert(scalar !== undefined, "a field type the generator does not know", { field: field.fullName, type: field.type });
  return scalar;
}

/** One property of the message's interface: a field, or a oneof with its fields. */
export interface Property {
  readonly name: string;
  readonly fields: readonly protobuf.Field[];
  readonly oneof: boolean;
}

/** Ascending by field number. */
export function propertiesOf(message: protobuf.Type): readonly Property[] {
  const fields = [...message.fieldsArray].sort((a, b) => a.id - b.id);
  const properties: Property[] = [];
  for (const field of fields) {
    assert(!field.map && !field.options?.["proto3_optional"], "maps and optional fields are not supported", {
      field: field.fullName,
    });
    if (field.partOf === null) properties.push({ name: camelCase(field.name), fields: [field], oneof: false });
    else if (field.partOf.fieldsArray[0] === field) {
      const members = [...field.partOf.fieldsArray];
      const ids = members.map((member) => fields.indexOf(member));
      assert(
        ids.every((id, i) => i === 0 || id === (ids[i - 1] as number) + 1),
        "a oneof's numbers are ascending and uninterrupted",
        { oneof: field.partOf.fullName },
      );
      properties.push({ name: camelCase(field.partOf.name), fields: members, oneof: true });
    }
  }
  return properties;
}

export function valueType(field: protobuf.Field): string {
  return scalarOf(field)?.type ?? (field.resolvedType as protobuf.Type).name;
}

export const tagOf = (field: protobuf.Field, wire: number): number => (field.id << 3) | wire;
