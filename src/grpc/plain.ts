import type { RequestHead } from "./heads.ts";
import type { Http1Request, Http1Response } from "./http1.ts";

/** Requests that are HTTP but not gRPC, served over HTTP/2 by the same handler as over HTTP/1.1. */
export function plainRequest(head: RequestHead, body: readonly Uint8Array[]): Http1Request {
  const mark = head.path.indexOf("?");
  return {
    method: head.method,
    path: mark < 0 ? head.path : head.path.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : head.path.slice(mark + 1)),
    headers: head.metadata,
    body: Buffer.concat(body),
  };
}

export function plainResponse(response: Http1Response): {
  readonly fields: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
} {
  const body = typeof response.body === "string" ? Buffer.from(response.body, "utf8") : response.body;
  const fields: [string, string][] = [[":status", String(response.status)]];
  for (const [name, value] of Object.entries(response.headers ?? {})) fields.push([name.toLowerCase(), value]);
  fields.push(["content-length", String(body.length)]);
  return { fields, body };
}
