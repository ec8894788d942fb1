/** What header blocks mean: HTTP/2's rules for fields (RFC 9113, section 8) and gRPC's own fields. Results are immutable. */
import { parseTimeout } from "./timeout.ts";

export interface RequestHead {
  /** Against the rules of HTTP: the stream is reset. */
  readonly malformed: boolean;
  readonly tooLarge: boolean;
  /** Without pseudo-headers: these are trailers. */
  readonly trailers: boolean;
  readonly method: string;
  readonly path: string;
  readonly grpc: boolean;
  /** -1 when not announced. */
  readonly contentLength: number;
  readonly timeoutMs: number | null;
  readonly timeoutMalformed: boolean;
  /** What the application may see: everything but pseudo-headers and gRPC's own. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface ResponseHead {
  readonly malformed: boolean;
  readonly tooLarge: boolean;
  /** Null in trailers. */
  readonly httpStatus: number | null;
  readonly grpc: boolean;
  /** Null when absent. */
  readonly grpcStatus: number | null;
  readonly grpcMessage: string;
  readonly metadata: ReadonlyMap<string, string>;
}

const CONNECTION_SPECIFIC = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);
const TRANSPORT_FIELDS = new Set(["te", "content-type", "content-length", "user-agent", "host"]);
/** Tokens of RFC 9110 without upper case. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** No NUL, CR or LF, no blank at either end (RFC 9113, section 8.2.1). */
const VALUE = /^(?:[^\0\r\n\t ](?:[^\0\r\n]*[^\0\r\n\t ])?)?$/;

interface Fields {
  readonly pseudo: ReadonlyMap<string, string>;
  readonly regular: ReadonlyMap<string, string>;
}

/** Sorts and checks a field list; null when it is malformed. Repeated fields are joined with ", " (RFC 9110, section 5.3). */
function readFields(fields: readonly string[], allowedPseudo: ReadonlySet<string>): Fields | null {
  const pseudo = new Map<string, string>();
  const regular = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (!VALUE.test(value)) return null;
    if (name.startsWith(":")) {
      if (!allowedPseudo.has(name) || pseudo.has(name) || regular.size > 0) return null;
      pseudo.set(name, value);
      continue;
    }
    if (!NAME.test(name) || CONNECTION_SPECIFIC.has(name)) return null;
    if (name === "te" && value !== "trailers") return null;
    const before = regular.get(name);
    regular.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { pseudo, regular };
}

const REQUEST_PSEUDO = new Set([":method", ":scheme", ":path", ":authority"]);
const RESPONSE_PSEUDO = new Set([":status"]);

export function readRequestHead(fields: readonly string[], tooLarge: boolean): RequestHead {
  const read = readFields(fields, REQUEST_PSEUDO);
  const pseudo = read?.pseudo ?? new Map<string, string>();
  const regular = read?.regular ?? new Map<string, string>();
  const method = pseudo.get(":method") ?? "";
  const path = pseudo.get(":path") ?? "";
  const trailers = pseudo.size === 0;
  const complete = method !== "" && path !== "" && pseudo.has(":scheme");
  const length = regular.get("content-length");
  const lengthMalformed = length !== undefined && !/^\d{1,15}$/.test(length);
  const timeout = regular.get("grpc-timeout");
  const timeoutMs = timeout === undefined ? null : parseTimeout(timeout);
  return {
    malformed: read === null || (!trailers && !complete && !tooLarge) || lengthMalformed,
    tooLarge,
    trailers,
    method,
    path,
    grpc: isGrpc(regular),
    contentLength: length === undefined || lengthMalformed ? -1 : Number(length),
    timeoutMs,
    timeoutMalformed: timeout !== undefined && timeoutMs === null,
    metadata: metadataOf(regular),
  };
}

export function readResponseHead(fields: readonly string[], tooLarge: boolean): ResponseHead {
  const read = readFields(fields, RESPONSE_PSEUDO);
  const regular = read?.regular ?? new Map<string, string>();
  const status = read?.pseudo.get(":status");
  const grpcStatus = regular.get("grpc-status");
  return {
    malformed: read === null || (status !== undefined && !/^[1-5]\d\d$/.test(status)),
    tooLarge,
    httpStatus: status === undefined ? null : Number(status),
    grpc: isGrpc(regular),
    grpcStatus: grpcStatus === undefined ? null : /^\d{1,9}$/.test(grpcStatus) ? Number(grpcStatus) : 2,
    grpcMessage: regular.get("grpc-message") ?? "",
    metadata: metadataOf(regular),
  };
}

/** application/grpc, with "+proto" or another subtype or parameters behind it. */
function isGrpc(regular: ReadonlyMap<string, string>): boolean {
  const type = regular.get("content-type") ?? "";
  return /^application\/grpc(?:$|[+;])/.test(type);
}

function metadataOf(regular: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const [name, value] of regular) {
    if (!TRANSPORT_FIELDS.has(name) && !name.startsWith("grpc-")) metadata.set(name, value);
  }
  return metadata;
}

/** What an application may send as metadata: visible ASCII and inner blanks under a name that is not the protocol's. */
export function isMetadata(name: string, value: string): boolean {
  if (!NAME.test(name) || name.startsWith("grpc-")) return false;
  if (CONNECTION_SPECIFIC.has(name) || TRANSPORT_FIELDS.has(name)) return false;
  return /^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(value);
}
