import { Toxiproxy } from "toxiproxy-node-client";
import type { EventsPage } from "./events.ts";

const REQUEST_TIMEOUT_MS = 10_000;

export interface ProxySpec {
  readonly name: string;
  /** "127.0.0.1:0" picks a free port. */
  readonly listen: string;
  readonly upstream: string;
}

export interface ProxyState extends ProxySpec {
  readonly enabled: boolean;
}

/** The attributes of each type, as the server names them. */
export type ToxicSettings =
  | { readonly type: "latency"; readonly attributes: { readonly latency: number; readonly jitter: number } }
  | { readonly type: "bandwidth"; readonly attributes: { readonly rate: number } }
  | { readonly type: "timeout" | "reset_peer"; readonly attributes: { readonly timeout: number } }
  | { readonly type: "slow_close"; readonly attributes: { readonly delay: number } }
  | { readonly type: "limit_data"; readonly attributes: { readonly bytes: number } }
  | {
      readonly type: "slicer";
      readonly attributes: { readonly average_size: number; readonly size_variation: number; readonly delay: number };
    };

export type ToxicSpec = ToxicSettings & {
  readonly name: string;
  readonly stream: "upstream" | "downstream";
  /** Share of connections it is active on, in [0, 1]. */
  readonly toxicity: number;
};

/** A refused or failed request; `status` null: the server could not be reached. */
export class ToxiproxyRequestError extends Error {
  override readonly name = "ToxiproxyRequestError";
  readonly status: number | null;

  constructor(what: string, status: number | null, text: string) {
    super(`toxiproxy: ${what}: ${text}`);
    this.status = status;
  }
}

/**
 * A Toxiproxy server, ours or the real one, through `toxiproxy-node-client`. Every method throws ToxiproxyRequestError; proxies
 * and toxics are known by name, so that nothing here goes stale.
 */
export class ToxiproxyClient {
  readonly url: string;
  readonly #toxiproxy: Toxiproxy;

  constructor(url: string) {
    this.url = url.replace(/\/+$/, "");
    this.#toxiproxy = new Toxiproxy(this.url);
    // The package's own requests lose the server's status and text; it lets us bring others. Its type is a class with private
    // members, which no other class can have: hence the cast.
    this.#toxiproxy.api = new HttpClient() as unknown as Toxiproxy["api"];
  }

  async version(): Promise<string> {
    const answer = await this.#toxiproxy.getVersion();
    // JSON; older servers (2.5) answer with the bare version.
    return /"version":\s*"([^"]*)"/.exec(answer)?.[1] ?? answer.trim();
  }

  /** Creates or replaces; the answer has the bound addresses, in the order asked. */
  async populate(specs: readonly ProxySpec[]): Promise<readonly ProxyState[]> {
    // The package cannot read the real server's answer to an empty list.
    if (specs.length === 0) return [];
    const proxies = await this.#toxiproxy.populate(specs.map((spec) => ({ ...spec, enabled: true })));
    return specs.map((spec) => {
      const proxy = proxies[spec.name];
      if (proxy === undefined) throw new ToxiproxyRequestError("populate", null, `the answer lacks ${spec.name}`);
      return state(proxy);
    });
  }

  async proxies(): Promise<readonly ProxyState[]> {
    return Object.values(await this.#toxiproxy.getAll()).map(state);
  }

  /** Disabled: connections are closed and new ones refused. */
  async setEnabled(proxy: string, enabled: boolean): Promise<ProxyState> {
    const current = await this.#toxiproxy.get(proxy);
    return state(await current.update({ enabled, listen: current.listen, upstream: current.upstream }));
  }

  async removeProxy(proxy: string): Promise<void> {
    await (await this.#toxiproxy.get(proxy)).remove();
  }

  async addToxic(proxy: string, toxic: ToxicSpec): Promise<void> {
    await (await this.#toxiproxy.get(proxy)).addToxic<ToxicSpec["attributes"]>(toxic);
  }

  async updateToxic(proxy: string, toxic: ToxicSpec): Promise<void> {
    const current = await (await this.#toxiproxy.get(proxy)).getToxic<ToxicSpec["attributes"]>(toxic.name);
    await current.update(toxic);
  }

  /** A toxic that is already gone is fine. */
  async removeToxic(proxy: string, toxic: string): Promise<void> {
    try {
      await (await (await this.#toxiproxy.get(proxy)).getToxic(toxic)).remove();
    } catch (error) {
      if (!(error instanceof ToxiproxyRequestError && error.status === 404)) throw error;
    }
  }

  /** Every proxy up, every toxic gone, nothing stalled. */
  async reset(): Promise<void> {
    await this.#toxiproxy.reset();
  }

  /** Ours only (the real server answers 404): sockets stay open and stand still, new ones wait, until `resume`. */
  async stall(proxy: string): Promise<void> {
    await this.#toxiproxy.api.post(this.#stallUrl(proxy));
  }

  /** Everything goes on where it stood; no byte was lost. */
  async resume(proxy: string): Promise<void> {
    await this.#toxiproxy.api.delete(this.#stallUrl(proxy));
  }

  /** Ours only (the real server answers 404): what happened after the event numbered `after`. */
  async events(after = 0): Promise<EventsPage> {
    return (await this.#toxiproxy.api.get<EventsPage>(`${this.url}/x/events?after=${after}`)).data;
  }

  #stallUrl(proxy: string): string {
    return `${this.url}/x/proxies/${encodeURIComponent(proxy)}/stall`;
  }
}

function state({ name, listen, upstream, enabled }: ProxyState): ProxyState {
  return { name, listen, upstream, enabled };
}

/** The package's HTTP client once more, with the server's status and text in its errors and a time limit. */
class HttpClient {
  async get<T>(url: string): Promise<{ data: T }> {
    return this.#request("GET", url);
  }

  async post<T>(url: string, body?: unknown): Promise<{ data: T }> {
    return this.#request("POST", url, body);
  }

  async delete(url: string): Promise<void> {
    await this.#fetch("DELETE", url);
  }

  async getText(url: string): Promise<string> {
    return this.#fetch("GET", url);
  }

  async #request<T>(method: string, url: string, body?: unknown): Promise<{ data: T }> {
    const text = await this.#fetch(method, url, body);
    return { data: (text === "" ? undefined : JSON.parse(text)) as T };
  }

  async #fetch(method: string, url: string, body?: unknown): Promise<string> {
    const what = `${method} ${new URL(url).pathname}`;
    const { status, text } = await fetch(url, {
      method,
      headers: { "content-type": "application/json" },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).then(
      async (response) => ({ status: response.status, text: await response.text() }),
      (error: unknown) => {
        throw new ToxiproxyRequestError(what, null, reason(error));
      },
    );
    if (status >= 200 && status < 300) return text;
    throw new ToxiproxyRequestError(what, status, `${status} ${errorText(text)}`);
  }
}

/** "fetch failed" hides what the system said in its cause. */
function reason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function errorText(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null && "error" in parsed) return String(parsed.error);
  } catch {
    // Not every error of the server is JSON.
  }
  return body.trim();
}
