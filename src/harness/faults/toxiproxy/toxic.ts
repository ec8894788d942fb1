import { invalidStream, invalidToxicType } from "./errors.ts";
import { integerField, type JsonObject, numberField, objectField, stringField } from "./json.ts";
import { TOXIC_KINDS } from "./toxics/kinds.ts";
import type { Attributes, ToxicKind } from "./toxics/stage.ts";

/** `upstream`: bytes from the client to the server; `downstream`: the way back. */
export type Direction = "upstream" | "downstream";

/** A toxic of one proxy. Links hold on to the object: an update changes it in place and restarts its slots. */
export interface Toxic {
  readonly name: string;
  readonly kind: ToxicKind;
  readonly direction: Direction;
  /** The direction as the client spelled it, which is how it is answered. */
  readonly stream: string;
  /** Chance in [0, 1] that it is active on a connection; other numbers are accepted and mean never or always. */
  toxicity: number;
  attributes: Attributes;
}

export interface ToxicJson {
  readonly attributes: Attributes;
  readonly name: string;
  readonly type: string;
  readonly stream: string;
  readonly toxicity: number;
}

/** A toxic from a request, checked in the real server's order; `checkName` refuses a name that is taken. Throws 400. */
export function createToxic(body: JsonObject, checkName: (name: string) => void): Toxic {
  const given = {
    name: stringField(body, "name") ?? "",
    type: stringField(body, "type") ?? "",
    stream: stringField(body, "stream") ?? "",
    toxicity: numberField(body, "toxicity") ?? 1,
  };
  const stream = given.stream === "" ? "downstream" : given.stream;
  const direction = stream.toLowerCase();
  if (direction !== "upstream" && direction !== "downstream") throw invalidStream();
  const kind = TOXIC_KINDS.get(given.type);
  if (kind === undefined) throw invalidToxicType();
  const name = given.name === "" ? `${kind.type}_${stream}` : given.name;
  checkName(name);
  const zero = Object.fromEntries(kind.attributeNames.map((attribute) => [attribute, 0]));
  return { name, kind, direction, stream, toxicity: given.toxicity, attributes: mergeAttributes(kind, zero, body) };
}

/** Takes over the attributes that are named and the toxicity; nothing else of a toxic can change. Throws 400 and changes nothing. */
export function updateToxic(toxic: Toxic, body: JsonObject): void {
  const toxicity = numberField(body, "toxicity") ?? toxic.toxicity;
  toxic.attributes = mergeAttributes(toxic.kind, toxic.attributes, body);
  toxic.toxicity = toxicity;
}

export function toxicJson(toxic: Toxic): ToxicJson {
  const { attributes, name, kind, stream, toxicity } = toxic;
  return { attributes, name, type: kind.type, stream, toxicity };
}

function mergeAttributes(kind: ToxicKind, present: Attributes, body: JsonObject): Attributes {
  const given = objectField(body, "attributes");
  const merged = kind.attributeNames.map((name) => [name, integerField(given, name) ?? present[name] ?? 0] as const);
  return Object.fromEntries(merged);
}
