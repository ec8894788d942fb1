import protobuf from "protobufjs";
import type { MessageCodec } from "../../src/proto/wire.ts";
import fc from "../support/fast-check.ts";
import { readProtoFiles } from "./generate.ts";
import { camelCase, messagesOf, packagesOf, parseSchema, propertiesOf } from "./schema.ts";

/** Protobufjs' reflection of the same .proto files: the independent twin. */
export const root: protobuf.Root = parseSchema(readProtoFiles());

export interface Subject {
  readonly type: protobuf.Type;
  readonly codec: MessageCodec<unknown>;
}

/** Every message of every .proto file with the codec generated for it. */
export async function subjects(): Promise<Subject[]> {
  const all: Subject[] = [];
  for (const namespace of packagesOf(root)) {
    const module = await import(`../../src/proto/gen/${String(namespace.options?.["file"])}.js`);
    for (const type of messagesOf(namespace)) all.push({ type, codec: module[type.name] });
  }
  return all;
}

type Plain = Record<string, unknown>;

export const isName = (field: protobuf.Field): boolean => field.options?.["jstype"] === "JS_STRING";

/** Random messages in our shape; `depth` bounds how far sub-messages go. */
export function arbitraryMessage(type: protobuf.Type, depth = 3): fc.Arbitrary<Plain> {
  const shape: Record<string, fc.Arbitrary<unknown>> = {};
  for (const { name, fields, oneof } of propertiesOf(type)) {
    const [field] = fields as [protobuf.Field];
    const deep = field.resolvedType instanceof protobuf.Type && depth === 0;
    if (oneof) {
      const members = fields.map((member) =>
        arbitraryValue(member, depth).map((value) => ({ kind: camelCase(member.name), value })),
      );
      shape[name] = deep ? fc.constant(null) : fc.oneof(fc.constant(null), ...members);
    } else if (field.repeated) shape[name] = fc.array(arbitraryValue(field, depth), { maxLength: deep ? 0 : 3 });
    else if (field.resolvedType instanceof protobuf.Type)
      shape[name] = deep ? fc.constant(null) : fc.option(arbitraryValue(field, depth), { nil: null });
    else shape[name] = arbitraryValue(field, depth);
  }
  return fc.record(shape, { noNullPrototype: true }) as fc.Arbitrary<Plain>;
}

function arbitraryValue(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type)
    return depth > 0 ? arbitraryMessage(field.resolvedType, depth - 1) : fc.constant(null);
  if (field.resolvedType instanceof protobuf.Enum) return fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(-1));
  switch (field.type) {
    case "bool":
      return fc.boolean();
    case "uint32":
      return fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
    case "string":
      return fc.oneof(fc.string({ unit: "grapheme", maxLength: 40 }), fc.string({ minLength: 60, maxLength: 200 }));
    case "bytes":
      return fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 120, maxLength: 300 }));
    case "int64":
      if (isName(field)) return fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
      return fc.oneof(fc.constant(0), fc.integer(), fc.maxSafeInteger());
    case "uint64":
      if (isName(field)) return fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
      return fc.oneof(fc.constant(0), fc.maxSafeNat());
    default:
      throw new Error(`no values for ${field.type}`);
  }
}

/** Our shape -> what protobufjs' fromObject takes: original names, 64-bit numbers as decimal strings, oneofs spread. */
export function toTwin(type: protobuf.Type, message: Plain): Plain {
  const object: Plain = {};
  for (const { name, fields, oneof } of propertiesOf(type)) {
    const value = message[name];
    if (value === null) continue;
    const member = oneof ? fields.find((field) => camelCase(field.name) === (value as Plain)["kind"]) : fields[0];
    const field = member as protobuf.Field;
    const inner = oneof ? (value as Plain)["value"] : value;
    object[field.name] = field.repeated
      ? (inner as unknown[]).map((item) => toTwinValue(field, item))
      : toTwinValue(field, inner);
  }
  return object;
}

function toTwinValue(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) return toTwin(field.resolvedType, value as Plain);
  return field.type.endsWith("64") ? String(value) : value;
}
