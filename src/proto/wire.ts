/**
 * Protobuf's wire format (protobuf.dev, "Encoding"), the part etcd's messages need. The one reader (reader.ts) and the one
 * writer (writer.ts) own the 64-bit policy: an ordinal is a `number` that saturates at the safe integers when read and is
 * asserted safe when written; a name (`jstype = JS_STRING` in the .proto) is a `bigint` that keeps all 64 bits.
 *
 * Where messages repeat themselves: of a scalar, a sub-message or a oneof that occurs twice the last one wins (sub-messages
 * are replaced, not merged: no encoder in use splits them). Unknown fields are dropped.
 */
import type { Codec } from "../base/codec.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** One field as the .proto has it: what turns messages into JSON and back without knowing them. */
export interface FieldInfo {
  /** As the .proto spells it. */
  readonly name: string;
  /** The message's property, or for a member of a oneof its `kind`. */
  readonly key: string;
  readonly type: "bool" | "uint32" | "int64" | "uint64" | "string" | "bytes" | "enum" | "message";
  readonly repeated?: true;
  /** The property that holds the oneof this field is a member of. */
  readonly oneof?: string;
  /** Of the field's messages. */
  readonly message?: MessageCodec<unknown>;
  /** Of the field's enum. */
  readonly values?: Readonly<Record<string, number>>;
}

/** A codec that can also fill in the defaults of what is not given, and tell its fields, ascending by number. */
export interface MessageCodec<Message> extends Codec<Message> {
  create(partial?: Partial<Message>): Message;
  fields(): readonly FieldInfo[];
}

// Encoding is synchronous and never calls back, so one writer serves every message of the thread.
const sharedWriter = new Writer();

/** What stands before a field of bytes, or a sub-message that is there already: its tag as on the wire, and its length. */
export function fieldPrefix(tag: number, length: number): Uint8Array {
  sharedWriter.reset();
  sharedWriter.uint32(tag, length);
  return sharedWriter.take();
}

/**
 * Puts a message's generated parts together. What `encode` returns shares its ArrayBuffer with other small messages: it may be
 * kept and read, but neither transferred to another thread nor written to.
 */
export function messageCodec<Message>(
  read: (reader: Reader) => Message,
  write: (writer: Writer, message: Message) => void,
  create: (partial?: Partial<Message>) => Message,
  fields: () => readonly FieldInfo[],
): MessageCodec<Message> {
  return {
    encode(message) {
      sharedWriter.reset(); // a message whose assertion failed may have left its half behind
      write(sharedWriter, message);
      return sharedWriter.take();
    },
    decode(bytes) {
      return read(new Reader(bytes));
    },
    create,
    fields,
  };
}
