import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { posix } from "node:path";
import { ApiError, badRequestBody } from "./errors.ts";
import type { EventLog } from "./events.ts";
import { decodeFirst, decodeObject, encode } from "./json.ts";
import type { Metrics } from "./metrics.ts";
import type { PopulateResult, Proxies } from "./proxies.ts";
import type { ProxyJson } from "./proxy.ts";

/** Its own version of the 2.12 line's behaviour. */
export const VERSION = "2.12.0-faultline";

const BODY_MAX_BYTES: number = 4 * 1024 * 1024;
const READ_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_TIMEOUT_MS = 60_000;
const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";

interface Reply {
  readonly status: number;
  readonly type?: string;
  readonly nosniff?: boolean;
  readonly body?: string;
}

interface Request {
  readonly proxy: string;
  readonly toxic: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** What the API speaks for. */
export interface Served {
  readonly proxies: Proxies;
  readonly events: EventLog;
  readonly metrics: Metrics;
}

type Handler = (served: Served, request: Request) => Promise<Reply> | Reply;

interface Route {
  readonly path: RegExp;
  /** "*" answers any other. */
  readonly methods: Readonly<Record<string, Handler>>;
}

const json = (status: number, value: unknown): Reply => ({ status, type: JSON_TYPE, body: encode(value) });
const NO_CONTENT: Reply = { status: 204 };

// What the path names is looked up before the body is read: 404 wins over 400.
const updateProxy: Handler = async ({ proxies }, { proxy, body }) => {
  proxies.get(proxy);
  return json(200, (await proxies.update(proxy, decodeObject(body))).json());
};
const updateToxic: Handler = ({ proxies }, { proxy, toxic, body }) => {
  const owner = proxies.get(proxy);
  owner.toxic(toxic);
  return json(200, owner.updateToxic(toxic, decodeObject(body)));
};

const ROUTES: readonly Route[] = [
  {
    path: /^\/version$/,
    methods: {
      GET: () => ({ status: 200, type: "application/json;charset=utf-8", body: `{"version": "${VERSION}"}\n` }),
    },
  },
  {
    path: /^\/reset$/,
    methods: {
      POST: async ({ proxies }) => {
        await proxies.reset();
        return NO_CONTENT;
      },
    },
  },
  { path: /^\/populate$/, methods: { POST: populate } },
  {
    path: /^\/proxies$/,
    methods: {
      GET: ({ proxies }) => ({ status: 200, type: JSON_TYPE, body: byName(proxies.all()) }),
      POST: async ({ proxies }, { body }) => json(201, (await proxies.create(decodeObject(body))).json()),
    },
  },
  {
    path: /^\/proxies\/(?<proxy>[^/]+)$/,
    methods: {
      GET: ({ proxies }, { proxy }) => json(200, proxies.get(proxy).json()),
      POST: updateProxy,
      PATCH: updateProxy,
      DELETE: async ({ proxies }, { proxy }) => {
        await proxies.remove(proxy);
        return NO_CONTENT;
      },
    },
  },
  {
    path: /^\/proxies\/(?<proxy>[^/]+)\/toxics$/,
    methods: {
      GET: ({ proxies }, { proxy }) => json(200, proxies.get(proxy).toxics()),
      POST: ({ proxies }, { proxy, body }) => json(200, proxies.get(proxy).addToxic(decodeObject(body))),
    },
  },
  {
    path: /^\/proxies\/(?<proxy>[^/]+)\/toxics\/(?<toxic>[^/]+)$/,
    methods: {
      GET: ({ proxies }, { proxy, toxic }) => json(200, proxies.get(proxy).toxic(toxic)),
      POST: updateToxic,
      PATCH: updateToxic,
      DELETE: ({ proxies }, { proxy, toxic }) => {
        proxies.get(proxy).removeToxic(toxic);
        return NO_CONTENT;
      },
    },
  },
  {
    path: /^\/x\/events$/,
    methods: { GET: ({ events }, { query }) => json(200, events.since(Number(query.get("after") ?? 0) || 0)) },
  },
  {
    path: /^\/x\/proxies\/(?<proxy>[^/]+)\/stall$/,
    methods: {
      GET: ({ proxies }, { proxy }) => json(200, { stalled: proxies.get(proxy).stalled }),
      POST: ({ proxies }, { proxy }) => {
        proxies.get(proxy).stall();
        return json(200, { stalled: true });
      },
      DELETE: ({ proxies }, { proxy }) => {
        proxies.get(proxy).resume();
        return NO_CONTENT;
      },
    },
  },
];

/** Unknown without a metrics flag. */
const METRICS_ROUTE: Route = {
  path: /^\/metrics$/,
  methods: {
    "*": async ({ metrics }) => ({
      status: 200,
      type: "text/plain; version=0.0.4; charset=utf-8",
      body: await metrics.text(),
    }),
  },
};

/** Written by hand: an object of ours would put names that are numbers first. */
function byName(proxies: readonly ProxyJson[]): string {
  return `{${proxies.map((proxy) => `${encode(proxy.name)}:${encode(proxy)}`).join(",")}}`;
}

/** Refusals look unlike those of other requests: as JSON, with what was done before. */
async function populate({ proxies }: Served, { body }: Request): Promise<Reply> {
  const result = await populateOrError(proxies, body);
  // Go writes a list that was never appended to as null.
  const done = result.proxies.length === 0 ? null : result.proxies;
  if (result.error === null) return json(201, { proxies: done });
  const { message, status } = result.error;
  return json(status, { error: message, status, proxies: done });
}

async function populateOrError(proxies: Proxies, body: string): Promise<PopulateResult> {
  try {
    return await proxies.populate(decodeFirst(body));
  } catch (error) {
    if (error instanceof ApiError) return { proxies: [], error };
    throw error;
  }
}

/** The real server's HTTP surface, and our own under /x/. Changes are made one at a time, in the order in which requests are complete. */
export function createApi(served: Served): Server {
  let tail: Promise<void> = Promise.resolve();
  const server = createServer({ requestTimeout: READ_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS });
  server.on("request", async (incoming, response) => {
    try {
      const body = await readBody(incoming);
      tail = tail.then(() => answer(served, incoming, body, response));
    } catch {
      response.destroy();
    }
  });
  return server;
}

async function answer(
  served: Served,
  incoming: IncomingMessage,
  body: string | ApiError,
  response: ServerResponse,
): Promise<void> {
  const [rawPath = "/", query] = (incoming.url ?? "/").split("?", 2);
  const path = decodePath(rawPath);
  if (path === null) return send(response, { status: 400, type: TEXT_TYPE, body: "400 Bad Request" });
  const clean = posix.normalize(path);
  if (clean !== path) {
    response.setHeader("location", encodeURI(clean) + (query === undefined ? "" : `?${query}`));
    return send(response, { status: 301 });
  }
  const routes = served.metrics.wanted ? [...ROUTES, METRICS_ROUTE] : ROUTES;
  const route = routes.find((candidate) => candidate.path.test(path));
  if (route === undefined) return send(response, plainError(404, "404 page not found"));
  const handler = route.methods[incoming.method ?? ""] ?? route.methods["*"];
  if (handler === undefined) return send(response, { status: 405 });
  response.setHeader("x-toxiproxy-request-id", randomUUID());
  if ((incoming.headers["user-agent"] ?? "").startsWith("Mozilla/"))
    return send(response, plainError(403, "User agent not allowed"));
  const { proxy = "", toxic = "" } = route.path.exec(path)?.groups ?? {};
  try {
    if (body instanceof ApiError) throw body;
    send(response, await handler(served, { proxy, toxic, query: new URLSearchParams(query), body }));
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 500;
    const message = error instanceof Error ? error.message : String(error);
    send(response, plainError(status, encode({ error: message, status })));
  }
}

const plainError = (status: number, text: string): Reply => ({
  status,
  type: TEXT_TYPE,
  nosniff: true,
  body: `${text}\n`,
});

function send(response: ServerResponse, reply: Reply): void {
  response.statusCode = reply.status;
  if (reply.nosniff === true) response.setHeader("x-content-type-options", "nosniff");
  if (reply.type !== undefined) response.setHeader("content-type", reply.type);
  response.end(reply.body ?? "");
}

function decodePath(raw: string): string | null {
  try {
    return decodeURIComponent(raw);
  } catch {
    return null;
  }
}

/** The body, or the refusal of one that is too long. Rejects when the client goes away. */
async function readBody(incoming: IncomingMessage): Promise<string | ApiError> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    size += part.length;
    if (size <= BODY_MAX_BYTES) parts.push(part);
  }
  return size > BODY_MAX_BYTES ? badRequestBody("http: request body too large") : Buffer.concat(parts).toString("utf8");
}
