/**
 * Turns .proto files into TypeScript over src/proto's reader and writer: for each message an interface and, under the same name, a codec;
 * for each enum a const object and a union; rpc.ts declares the services. Ours, because no stock generator knows our 64-bit
 * policy or writes code that reads and writes without an intermediate form. It refuses what the project does not use.
 */
import protobuf from "protobufjs";
import { assert } from "../../src/base/assert.ts";
import {
  camelCase,
  fileOf,
  messagesOf,
  nonEmpty,
  type Property,
  type ProtoFile,
  packagesOf,
  parseSchema,
  propertiesOf,
  scalarOf,
  tagOf,
  typeName,
  valueType,
} from "./schema.ts";

/** The generated files, name to unformatted text. */
export function generate(files: readonly ProtoFile[]): ReadonlyMap<string, string> {
  const root = parseSchema(files);
  const output = new Map<string, string>();
  const services: protobuf.Service[] = [];
  for (const namespace of packagesOf(root)) {
    output.set(`${fileOf(namespace)}.ts`, generateFile(namespace));
    for (const item of namespace.nestedArray) if (item instanceof protobuf.Service) services.push(item);
  }
  output.set("rpc.ts", generateServices(services));
  return output;
}

function generateFile(namespace: protobuf.Namespace): string {
  const messages = messagesOf(namespace);
  const enums = [namespace, ...messages].flatMap((scope) =>
    scope.nestedArray.filter((item) => item instanceof protobuf.Enum),
  );
  const body = [...enums.map(generateEnum), ...messages.map(generateMessage)].join("\n");
  return [header(`${fileOf(namespace)}.proto`), wireImport(body), ...foreignImports(namespace), body].join("\n");
}

const header = (source: string): string =>
  `// Generated from src/proto/${source} by \`npm run generate\`: change that, not this.`;

function wireImport(body: string): string {
  const bytes = body.includes("EMPTY_BYTES") ? "EMPTY_BYTES, " : "";
  return `import { ${bytes}type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";`;
}

function foreignImports(namespace: protobuf.Namespace): string[] {
  const byFile = new Map<string, Set<string>>();
  for (const field of messagesOf(namespace).flatMap((message) => message.fieldsArray)) {
    const type = field.resolvedType;
    if (!(type instanceof protobuf.Type) || fileOf(type) === fileOf(field)) continue;
    const names = byFile.get(fileOf(type)) ?? new Set();
    byFile.set(fileOf(type), names.add(type.name).add(`read${type.name}`).add(`write${type.name}`));
  }
  return [...byFile].sort().map(([file, names]) => `import { ${[...names].sort().join(", ")} } from "./${file}.ts";`);
}

function generateEnum(type: protobuf.Enum): string {
  const name = typeName(type);
  const values = Object.entries(type.values).map(([key, value]) => `readonly ${key}: ${value}`);
  const object = Object.entries(type.values).map(([key, value]) => `${key}: ${value}`);
  return `export const ${name}: { ${values.join("; ")} } = { ${object.join(", ")} };
export type ${name} = (typeof ${name})[keyof typeof ${name}];\n`;
}

function generateMessage(message: protobuf.Type): string {
  const name = message.name;
  const properties = propertiesOf(message);
  const declared = properties.map((property) => `readonly ${property.name}: ${propertyType(property)};`);
  const created = properties.map(({ name: key, fields, oneof }) => {
    const zero = fields[0]?.repeated ? "[]" : oneof ? "null" : (scalarOf(fields[0] as protobuf.Field)?.zero ?? "null");
    return `${key}: partial.${key} ?? ${zero},`;
  });
  const empty = properties.length === 0 ? "_" : "";
  return `export interface ${name} { ${declared.join("\n")} }

export const ${name}: MessageCodec<${name}> = messageCodec(read${name}, write${name}, create${name}, () => [
${properties.flatMap(describeFields).join("\n")}
]);

function create${name}(${empty}partial: Partial<${name}> = {}): ${name} { return { ${created.join("\n")} }; }

${generateRead(name, properties)}
export function write${name}(${empty}w: Writer, ${empty}m: ${name}): void {
${[...properties].reverse().map(generateWrite).join("\n")}
}
`;
}

/** The field as `FieldInfo` of wire.ts tells it. */
function describeFields({ name, fields, oneof }: Property): string[] {
  return fields.map((field) => {
    const resolved = field.resolvedType;
    const facts = [`name: "${field.name}"`, `key: "${oneof ? camelCase(field.name) : name}"`];
    facts.push(`type: "${resolved instanceof protobuf.Type ? "message" : resolved === null ? field.type : "enum"}"`);
    if (field.repeated) facts.push("repeated: true");
    if (oneof) facts.push(`oneof: "${name}"`);
    if (resolved instanceof protobuf.Type) facts.push(`message: ${resolved.name}`);
    if (resolved instanceof protobuf.Enum) facts.push(`values: ${typeName(resolved)}`);
    return `{ ${facts.join(", ")} },`;
  });
}

function propertyType({ fields, oneof }: Property): string {
  const [field] = fields as [protobuf.Field];
  if (oneof) {
    const members = fields.map((f) => `{ readonly kind: "${camelCase(f.name)}"; readonly value: ${valueType(f)} }`);
    return `${members.join(" | ")} | null`;
  }
  if (field.repeated) return `readonly ${valueType(field)}[]`;
  return scalarOf(field) === null ? `${valueType(field)} | null` : valueType(field);
}

function generateRead(name: string, properties: readonly Property[]): string {
  if (properties.length === 0)
    return `export function read${name}(r: Reader): ${name} { while (r.more()) r.skip(r.tag()); return {}; }\n`;
  const locals = properties.map((property) => {
    const [field] = property.fields as [protobuf.Field];
    if (field.repeated) return `const ${property.name}: ${valueType(field)}[] = [];`;
    const zero = property.oneof ? "null" : (scalarOf(field)?.zero ?? "null");
    return `let ${property.name}: ${name}["${property.name}"] = ${zero};`;
  });
  const cases = properties.flatMap((property) => property.fields.map((field) => readCase(property, field)));
  return `export function read${name}(r: Reader): ${name} {
${locals.join("\n")}
while (r.more()) {
const tag = r.tag();
switch (tag) {
${cases.join("\n")}
default: r.skip(tag);
}
}
return { ${properties.map((property) => property.name).join(", ")} };
}
`;
}

function readCase(property: Property, field: protobuf.Field): string {
  const scalar = scalarOf(field);
  const value = scalar === null ? `read${valueType(field)}(r)` : `r.${scalar.method}()`;
  const assign = (expression: string): string => {
    if (property.oneof) return `${property.name} = { kind: "${camelCase(field.name)}", value: ${expression} };`;
    return field.repeated ? `${property.name}.push(${expression});` : `${property.name} = ${expression};`;
  };
  if (scalar === null)
    return `case ${tagOf(field, 2)}: { const outer = r.enter(); ${assign(value)} r.leave(outer); break; }`;
  const single = `case ${tagOf(field, scalar.wire)}: ${assign(value)} break;`;
  if (!field.repeated || scalar.wire === 2) return single;
  const packed = `{ const outer = r.enter(); while (r.more()) ${assign(value)} r.leave(outer); break; }`;
  return `${single}\ncase ${tagOf(field, 2)}: ${packed}`;
}

function generateWrite(property: Property): string {
  const [field] = property.fields as [protobuf.Field];
  const place = `m.${property.name}`;
  if (property.oneof) {
    const cases = property.fields.map((member) => {
      const value = `${place}.value`;
      return `case "${camelCase(member.name)}": ${scalarOf(member) === null ? `{ ${writeValue(member, value)} break; }` : `${writeValue(member, value)} break;`}`;
    });
    return `if (${place} !== null) { switch (${place}.kind) { ${cases.join("\n")} } }`;
  }
  const scalar = scalarOf(field);
  if (!field.repeated) return `if (${scalar?.present(place) ?? `${place} !== null`}) { ${writeValue(field, place)} }`;
  const item = `${place}[i] as ${valueType(field)}`;
  const loop = (body: string): string => `for (let i = ${place}.length - 1; i >= 0; i--) { ${body} }`;
  if (scalar === null || scalar.wire === 2) return loop(writeValue(field, item));
  assert(scalar.method === "enumeration", "only enums are packed so far", { field: field.fullName });
  return `if (${nonEmpty(place)}) { const before = w.length; ${loop(`w.packedEnumeration(${item});`)} w.prefix(${tagOf(field, 2)}, before); }`;
}

function writeValue(field: protobuf.Field, value: string): string {
  const scalar = scalarOf(field);
  if (scalar !== null) return `w.${scalar.writer ?? scalar.method}(${tagOf(field, scalar.wire)}, ${value});`;
  return `const before = w.length; write${valueType(field)}(w, ${value}); w.prefix(${tagOf(field, 2)}, before);`;
}

function generateServices(services: readonly protobuf.Service[]): string {
  const packages = [
    ...new Set(services.flatMap((service) => service.methodsArray.flatMap(typesOf).map(fileOf))),
  ].sort();
  return [
    header("*.proto"),
    'import type { Method } from "../../base/codec.ts";',
    ...packages.map((name) => `import * as ${name} from "./${name}.ts";`),
    ...services.map(generateService),
  ].join("\n");
}

function typesOf(method: protobuf.Method): [protobuf.Type, protobuf.Type] {
  return [method.resolvedRequestType as protobuf.Type, method.resolvedResponseType as protobuf.Type];
}

function generateService(service: protobuf.Service): string {
  const path = service.fullName.replace(/^\./, "");
  const rows = service.methodsArray.map((method) => {
    const [request, response] = typesOf(method).map((type) => `${fileOf(type)}.${type.name}`);
    const streams = `requestStream: ${method.requestStream === true}, responseStream: ${method.responseStream === true}`;
    return {
      type: `readonly ${method.name}: Method<${request}, ${response}>;`,
      value: `${method.name}: { path: "/${path}/${method.name}", ${streams}, request: ${request}, response: ${response} },`,
    };
  });
  const types = rows.map((row) => row.type).join("\n");
  return `\nexport const ${service.name}: {\n${types}\n} = {\n${rows.map((row) => row.value).join("\n")}\n};`;
}
