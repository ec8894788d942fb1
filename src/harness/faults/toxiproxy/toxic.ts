import { invalidStream, invalidToxicType } from "./errors.ts";
import { floatField, integerField, type JsonObject, objectField, stringField } from "./json.ts";
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
    stream: stringField(body, "stream") ?? "downstream",
    toxicity: floatField(body, "toxicity") ?? 1,
  };
  const attributes = objectField(body, "attributes");
  const { stream } = given;
  const direction = stream.toLowerCase();
  if (direction !== "upstream" && direction !== "downstream") throw invalidStream();
  const kind = TOXIC_KINDS.get(given.type);
  if (kind === undefined) throw invalidToxicType();
  const name = given.name === "" ? `${kind.type}_${stream}` : given.name;
  checkName(name);
  const zero = Object.fromEntries(kind.attributeNames.map((attribute) => [attribute, 0]));
  const { merged, refused } = mergeAttributes(kind, zero, attributes);
  if (refused !== null) throw refused;
  return { name, kind, direction, stream, toxicity: given.toxicity, attributes: merged };
}

/**
 * Takes over the attributes that are named and the toxicity; nothing else of a toxic can change. Throws 400; attributes beside a
 * refused one are taken over all the same, because the real server decodes in place.
 */
export function updateToxic(toxic: Toxic, body: JsonObject): void {
  const { merged, refused } = mergeAttributes(toxic.kind, toxic.attributes, objectField(body, "attributes"));
  toxic.attributes = merged;
  if (refused !== null) throw refused;
  toxic.toxicity = floatField(body, "toxicity") ?? toxic.toxicity;
}

export function toxicJson(toxic: Toxic): ToxicJson {
  const { attributes, name, kind, stream, toxicity } = toxic;
  return { attributes, name, type: kind.type, stream, toxicity };
}

function mergeAttributes(
  kind: ToxicKind,
  present: Attributes,
  given: JsonObject,
): { readonly merged: Attributes; readonly refused: unknown } {
  const merged: Record<string, number> = { ...present };
  let refused: unknown = null;
  for (const name of kind.attributeNames) {
    try {
      merged[name] = integerField(given, name) ?? merged[name] ?? 0;
    } catch (error) {
      refused ??= error;
    }
  }
  return { merged, refused };
}
