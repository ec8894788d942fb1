/** The messages of SOCKS5 (RFC 1928, sections 3 to 6), as far as a server needs them that only connects to names and IPv4 addresses. */

/** What the bytes received so far say. `length` of them are the message. */
export type Parsed<T> =
  | { readonly kind: "message"; readonly message: T; readonly length: number }
  | { readonly kind: "incomplete" }
  | { readonly kind: "invalid" };

export type SocksRequest =
  /** "host:port". */
  | { readonly kind: "connect"; readonly destination: string }
  | { readonly kind: "unsupported"; readonly reason: "command" | "address-type" };

const VERSION = 5;
const METHOD_NONE = 0;
const COMMAND_CONNECT = 1;
const ADDRESS_IPV4 = 1;
const ADDRESS_NAME = 3;

const INCOMPLETE = { kind: "incomplete" } as const;
const INVALID = { kind: "invalid" } as const;

/** Answers to a greeting. */
export const REPLY: { readonly noPassword: Uint8Array; readonly noMethod: Uint8Array } = {
  noPassword: Uint8Array.of(VERSION, METHOD_NONE),
  noMethod: Uint8Array.of(VERSION, 0xff),
};

const REPLY_CODES = { connected: 0, "not-allowed": 2, refused: 5, command: 7, "address-type": 8 } as const;

/** The answer to a request. The bound address that belongs to it is left 0.0.0.0:0: nobody can use it. */
export function replyTo(result: keyof typeof REPLY_CODES): Uint8Array {
  return Uint8Array.of(VERSION, REPLY_CODES[result], 0, ADDRESS_IPV4, 0, 0, 0, 0, 0, 0);
}

/** Version, number of methods, methods. */
export function parseGreeting(bytes: Buffer): Parsed<{ readonly offersNoPassword: boolean }> {
  const [version, count] = bytes;
  if (version !== undefined && version !== VERSION) return INVALID;
  if (count === undefined || bytes.length < 2 + count) return INCOMPLETE;
  const offersNoPassword = bytes.subarray(2, 2 + count).includes(METHOD_NONE);
  return { kind: "message", message: { offersNoPassword }, length: 2 + count };
}

/** Version, command, a zero, type of address, address, port. */
export function parseRequest(bytes: Buffer): Parsed<SocksRequest> {
  const [version, command, , type, nameLength] = bytes;
  if (version !== undefined && version !== VERSION) return INVALID;
  if (type === undefined || nameLength === undefined) return INCOMPLETE;
  const unsupported = (reason: "command" | "address-type"): Parsed<SocksRequest> => ({
    kind: "message",
    message: { kind: "unsupported", reason },
    length: bytes.length,
  });
  if (command !== COMMAND_CONNECT) return unsupported("command");
  if (type !== ADDRESS_IPV4 && type !== ADDRESS_NAME) return unsupported("address-type");
  const addressAt = type === ADDRESS_NAME ? 5 : 4;
  const portAt = addressAt + (type === ADDRESS_NAME ? nameLength : 4);
  if (bytes.length < portAt + 2) return INCOMPLETE;
  const address = bytes.subarray(addressAt, portAt);
  const host = type === ADDRESS_NAME ? address.toString("latin1") : address.join(".");
  const destination = `${host}:${bytes.readUInt16BE(portAt)}`;
  return { kind: "message", message: { kind: "connect", destination }, length: portAt + 2 };
}
