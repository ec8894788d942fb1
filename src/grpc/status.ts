/** gRPC's status codes (grpc/doc/statuscodes). */
export const StatusCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** How a call ended, when not well. A server's handler throws it; a client's callback receives it. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  readonly code: number;
  /**
   * False: the request certainly never reached the application (it was not written, the server refused the stream, or its
   * GOAWAY left the stream out). True says nothing: a write with such an error may have happened (D9).
   */
  readonly reached: boolean;

  constructor(code: number, message: string, reached = true) {
    super(message);
    this.code = code;
    this.reached = reached;
  }
}

/** What a proxy's bare HTTP status means for a call (grpc/doc/http-grpc-status-mapping). */
export function codeOfHttpStatus(status: number): number {
  switch (status) {
    case 400:
      return StatusCode.INTERNAL;
    case 401:
      return StatusCode.UNAUTHENTICATED;
    case 403:
      return StatusCode.PERMISSION_DENIED;
    case 404:
      return StatusCode.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return StatusCode.UNAVAILABLE;
    default:
      return StatusCode.UNKNOWN;
  }
}

/** Percent-encodes a status text as UTF-8 for the `grpc-message` header: space to "~" but for "%" stays as it is. */
export function encodeMessage(message: string): string {
  if (/^[ -$&-~]*$/.test(message)) return message;
  let encoded = "";
  for (const byte of Buffer.from(message, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** The inverse; what is not a valid escape stays as it is, because a garbled text is better than none. */
export function decodeMessage(encoded: string): string {
  if (!encoded.includes("%")) return encoded;
  const bytes: number[] = [];
  for (let i = 0; i < encoded.length; i++) {
    const digits = encoded.slice(i + 1, i + 3);
    if (encoded[i] === "%" && /^[0-9a-fA-F]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 16));
      i += 2;
    } else {
      bytes.push(encoded.charCodeAt(i) & 0xff);
    }
  }
  return Buffer.from(bytes).toString("utf8");
}

/** What a reset stream means for its call (gRPC over HTTP/2, "Errors"), by HTTP/2 error code. */
export function codeOfReset(code: number): number {
  switch (code) {
    case 7: // REFUSED_STREAM
      return StatusCode.UNAVAILABLE;
    case 8: // CANCEL
      return StatusCode.CANCELLED;
    case 11: // ENHANCE_YOUR_CALM
      return StatusCode.RESOURCE_EXHAUSTED;
    case 12: // INADEQUATE_SECURITY
      return StatusCode.PERMISSION_DENIED;
    default:
      return StatusCode.INTERNAL;
  }
}
