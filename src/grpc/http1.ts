import { AssertionError } from "../base/assert.ts";
import type { ByteStream } from "../env/streams.ts";
import type { Trace } from "../env/trace.ts";

export interface Http1Request {
  readonly method: string;
  /** As sent, without the query, not decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names; a repeated one is joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface Http1Response {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export type Http1Handler = (request: Http1Request) => Http1Response | Promise<Http1Response>;

export interface Http1Options {
  readonly trace: Trace;
  readonly handler: Http1Handler | null;
  readonly maxBodyBytes: number;
  /** A whole request is there. */
  received(): void;
  /** It was answered: the next may come. Not called behind a request that was refused. */
  answered(): void;
}

const HEAD_MAX_BYTES = 16 * 1024;
const FIELDS_MAX = 100;
/** What a chunked body may spend on framing beside its bytes, for each chunk. */
const CHUNK_LINE_MAX_BYTES = 256;
const METHODS = new Set(["GET", "HEAD", "POST"]);
const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** Status of a refusal that is not answered: what does not speak HTTP would not understand it. */
const NO_ANSWER = 0;

/** A request that cannot be served; the connection closes behind the answer, because what follows cannot be trusted. */
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Head {
  readonly method: string;
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly keepAlive: boolean;
  /** Bytes of the body, or "chunked". */
  readonly body: number | "chunked";
}

/**
 * A small HTTP/1.1 server (RFC 9112) for health, metrics and version: GET, HEAD and POST, keep-alive, bodies with a length or
 * in chunks. Requests are answered one after the other; while one is being answered, reading stops.
 */
export class Http1Connection {
  readonly #stream: ByteStream;
  readonly #options: Http1Options;
  #buffer: Buffer = Buffer.alloc(0);
  #head: Head | null = null;
  /** How far the buffer was searched for the end of a head, so that a slow one is not searched again. */
  #searched = 0;
  #body: Buffer[] = [];
  #bodyBytes = 0;
  /** A handler is at work. */
  #busy = false;
  /** The client does not read its answers, so it gets no further ones. */
  #full = false;
  #draining = false;
  #closed = false;

  constructor(stream: ByteStream, options: Http1Options) {
    this.#stream = stream;
    this.#options = options;
  }

  data(bytes: Buffer): void {
    if (this.#closed) return;
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    this.#advance();
  }

  drained(): void {
    if (this.#closed || !this.#full) return;
    this.#full = false;
    this.#advance();
    this.#resume();
  }

  closed(): void {
    this.#closed = true;
  }

  /** Closes behind the answer that is being made, or at once. */
  drain(): void {
    this.#draining = true;
    if (!this.#busy && !this.#closed) this.#stream.end();
  }

  #advance(): void {
    try {
      while (!this.#busy && !this.#full && !this.#closed) {
        this.#head ??= this.#readHead();
        if (this.#head === null) return;
        const complete = this.#head.body === "chunked" ? this.#readChunks() : this.#readBody(this.#head.body);
        if (!complete) return;
        this.#serve(this.#head);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === NO_ANSWER) {
        this.#closed = true;
        this.#stream.end();
        return;
      }
      this.#write({ status: error.status, body: `${error.message}\n` }, false, false);
    }
  }

  #readHead(): Head | null {
    // Blank lines before a request are forgiven (RFC 9112, section 2.2).
    while (this.#buffer.length >= 2 && this.#buffer[0] === 0x0d && this.#buffer[1] === 0x0a) this.#consume(2);
    const end = this.#buffer.indexOf("\r\n\r\n", Math.max(0, this.#searched - 3), "latin1");
    this.#searched = this.#buffer.length;
    if (end > HEAD_MAX_BYTES || (end < 0 && this.#buffer.length > HEAD_MAX_BYTES)) {
      throw new Refusal(431, "request head too large");
    }
    if (end < 0) {
      this.#refuseGarbageEarly();
      return null;
    }
    const text = this.#buffer.toString("latin1", 0, end);
    this.#consume(end + 4);
    return parseHead(text);
  }

  /** Something that is no HTTP at all may never send the blank line: its first line tells. */
  #refuseGarbageEarly(): void {
    const line = this.#buffer.indexOf(0x0a);
    if (line >= 0) parseRequestLine(this.#buffer.toString("latin1", 0, line).replace(/\r$/, ""));
    else if (this.#buffer.length > 0 && !/^[A-Z]*(?: [!-~]*(?: [!-~\r]*)?)?$/.test(this.#buffer.toString("latin1"))) {
      throw new Refusal(NO_ANSWER, "this is not HTTP");
    }
  }

  #readBody(length: number): boolean {
    if (length > this.#options.maxBodyBytes) throw new Refusal(413, "request body too large");
    if (this.#buffer.length < length) return false;
    this.#body = [this.#consume(length)];
    return true;
  }

  /** Takes whole chunks off the buffer; true behind the last one and its trailers. */
  #readChunks(): boolean {
    for (;;) {
      const line = this.#buffer.indexOf("\r\n", 0, "latin1");
      if (line > CHUNK_LINE_MAX_BYTES || (line < 0 && this.#buffer.length > CHUNK_LINE_MAX_BYTES)) {
        throw new Refusal(400, "malformed chunk");
      }
      if (line < 0) return false;
      const match = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(this.#buffer.toString("latin1", 0, line));
      if (match === null) throw new Refusal(400, "malformed chunk");
      const length = Number.parseInt(match[1] as string, 16);
      if (length === 0) return this.#readTrailers(line + 2);
      if (this.#bodyBytes + length > this.#options.maxBodyBytes) throw new Refusal(413, "request body too large");
      const end = line + 2 + length;
      if (this.#buffer.length < end + 2) return false;
      if (this.#buffer[end] !== 0x0d || this.#buffer[end + 1] !== 0x0a) throw new Refusal(400, "malformed chunk");
      this.#body.push(this.#consume(end + 2).subarray(line + 2, end));
      this.#bodyBytes += length;
    }
  }

  /** Trailers are read and dropped. */
  #readTrailers(offset: number): boolean {
    for (;;) {
      const line = this.#buffer.indexOf("\r\n", offset, "latin1");
      if (line < 0 && this.#buffer.length > HEAD_MAX_BYTES) throw new Refusal(431, "trailers too large");
      if (line < 0) return false;
      if (line === offset) {
        this.#consume(line + 2);
        return true;
      }
      offset = line + 2;
    }
  }

  #consume(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    this.#searched = 0;
    return taken;
  }

  #serve(head: Head): void {
    this.#options.received();
    const mark = head.target.indexOf("?");
    const request: Http1Request = {
      method: head.method,
      path: mark < 0 ? head.target : head.target.slice(0, mark),
      query: new URLSearchParams(mark < 0 ? "" : head.target.slice(mark + 1)),
      headers: head.headers,
      body: this.#body.length === 1 ? (this.#body[0] as Buffer) : Buffer.concat(this.#body),
    };
    this.#head = null;
    this.#body = [];
    this.#bodyBytes = 0;
    const bodiless = head.method === "HEAD";
    let response: Http1Response | Promise<Http1Response>;
    try {
      response = this.#options.handler === null ? NOT_FOUND : this.#options.handler(request);
    } catch (error) {
      response = this.#failed(request, error);
    }
    if (!(response instanceof Promise)) {
      this.#write(response, head.keepAlive, bodiless);
      this.#options.answered();
      return;
    }
    this.#busy = true;
    this.#stream.pause();
    response
      .catch((error) => this.#failed(request, error))
      .then((value) => {
        this.#busy = false;
        if (this.#closed) return;
        this.#write(value, head.keepAlive, bodiless);
        this.#options.answered();
        this.#advance();
        this.#resume();
      });
  }

  #failed(request: Http1Request, error: unknown): Http1Response {
    if (error instanceof AssertionError) throw error;
    this.#options.trace.error("an HTTP handler failed", { path: request.path, error: String(error) });
    return { status: 500, body: "internal error\n" };
  }

  #write(response: Http1Response, keepAlive: boolean, bodiless: boolean): void {
    const body = typeof response.body === "string" ? Buffer.from(response.body, "utf8") : response.body;
    const stays = keepAlive && !this.#draining;
    let head = `HTTP/1.1 ${response.status} ${REASONS[response.status] ?? "Unknown"}\r\n`;
    for (const [name, value] of Object.entries(response.headers ?? {})) head += `${name}: ${value}\r\n`;
    head += `content-length: ${body.length}\r\n${stays ? "" : "connection: close\r\n"}\r\n`;
    const writable = this.#stream.write(
      bodiless ? Buffer.from(head, "latin1") : Buffer.concat([Buffer.from(head, "latin1"), body]),
    );
    if (!stays) {
      this.#closed = true;
      this.#stream.end();
    } else if (!writable) {
      this.#full = true;
      this.#stream.pause();
    }
  }

  #resume(): void {
    if (!this.#closed && !this.#busy && !this.#full) this.#stream.resume();
  }
}

const NOT_FOUND: Http1Response = { status: 404, body: "not found\n" };

function parseRequestLine(line: string): { method: string; target: string; version: string } {
  if (!/ HTTP\/\d\.\d$/.test(line)) throw new Refusal(NO_ANSWER, "this is not HTTP");
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/(\d\.\d)$/.exec(line);
  if (match === null) throw new Refusal(400, "malformed request line");
  const [, method, target, version] = match as unknown as [string, string, string, string];
  if (version !== "1.1" && version !== "1.0") throw new Refusal(505, "this server speaks HTTP/1.1");
  if (!METHODS.has(method)) throw new Refusal(405, "only GET, HEAD and POST are served");
  return { method, target: target.replace(/^http:\/\/[^/?]*/i, ""), version };
}

function parseHead(text: string): Head {
  const lines = text.split("\r\n");
  const { method, target, version } = parseRequestLine(lines[0] as string);
  if (!target.startsWith("/")) throw new Refusal(400, "malformed request target");
  if (lines.length - 1 > FIELDS_MAX) throw new Refusal(431, "too many header fields");
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/.exec(line);
    if (match === null) throw new Refusal(400, "malformed header field");
    const name = (match[1] as string).toLowerCase();
    const value = match[2] as string;
    const before = headers.get(name);
    // Two of these are how requests are smuggled (RFC 9112, sections 3.2 and 6.3).
    if (before !== undefined && (name === "host" || name === "content-length" || name === "transfer-encoding")) {
      throw new Refusal(400, `more than one ${name}`);
    }
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  if (version === "1.1" && !headers.has("host")) throw new Refusal(400, "the host header is missing");
  const connection = (headers.get("connection") ?? "").toLowerCase().split(/[ \t]*,[ \t]*/);
  const keepAlive = version === "1.1" ? !connection.includes("close") : connection.includes("keep-alive");
  return { method, target, headers, keepAlive, body: bodyOf(headers, version) };
}

function bodyOf(headers: ReadonlyMap<string, string>, version: string): number | "chunked" {
  const length = headers.get("content-length");
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (length !== undefined || version === "1.0") throw new Refusal(400, "both a length and a transfer coding");
    if (coding.toLowerCase() !== "chunked") throw new Refusal(501, "only the chunked transfer coding is known");
    return "chunked";
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) throw new Refusal(400, "malformed content-length");
  return Number(length);
}
