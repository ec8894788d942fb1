import { Prng } from "../../../base/prng.ts";
import { boundedClock, type Context } from "./context.ts";
import { ApiError, missingField, proxyExists, proxyNotFound } from "./errors.ts";
import { asArray, asObject, booleanField, type JsonObject, stringField } from "./json.ts";
import { type ProxyJson, type ProxySpec, ToxicProxy } from "./proxy.ts";

interface ProxyRequest extends ProxySpec {
  readonly enabled: boolean;
}

/** What `populate` did; `error` tells why it stopped before the end. */
export interface PopulateResult {
  readonly proxies: readonly ProxyJson[];
  readonly error: ApiError | null;
}

/** All proxies by name. The caller sees to it that one change ends before the next begins. */
export class Proxies {
  readonly #proxies = new Map<string, ToxicProxy>();
  readonly #context: Context;
  readonly #prng: Prng;

  constructor(context: Context, seed: number) {
    this.#context = { ...context, clock: boundedClock(context.clock) };
    this.#prng = new Prng(seed);
  }

  /** By name. */
  all(): readonly ProxyJson[] {
    const sorted = [...this.#proxies.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    return sorted.map((proxy) => proxy.json());
  }

  /** Throws 404. */
  get(name: string): ToxicProxy {
    const proxy = this.#proxies.get(name);
    if (proxy === undefined) throw proxyNotFound();
    return proxy;
  }

  /** Throws 400, 409, and 500 when the address cannot be bound: then there is no such proxy afterwards. */
  async create(body: JsonObject): Promise<ToxicProxy> {
    const request = readRequest(body);
    if (request.name === "") throw missingField("name");
    if (request.upstream === "") throw missingField("upstream");
    if (this.#proxies.has(request.name)) throw proxyExists();
    return await this.#add(request);
  }

  async update(name: string, body: JsonObject): Promise<ToxicProxy> {
    const proxy = this.get(name);
    await proxy.update({
      listen: stringField(body, "listen") ?? proxy.listen,
      upstream: stringField(body, "upstream") ?? proxy.upstream,
      enabled: booleanField(body, "enabled") ?? proxy.enabled,
    });
    return proxy;
  }

  async remove(name: string): Promise<void> {
    await this.get(name).stop();
    this.#proxies.delete(name);
    this.#context.events.add({ kind: "proxy-removed", proxy: name });
  }

  /**
   * Creates or replaces in order; a proxy with the same addresses stays as it is, toxics and `enabled` included. All are checked
   * before the first is touched (throws 400); the first that cannot be started ends it.
   */
  async populate(body: unknown): Promise<PopulateResult> {
    const requests = asArray(body).map((item) => readRequest(asObject(item)));
    requests.forEach((request, index) => {
      if (request.name === "") throw missingField(`name at proxy ${index + 1}`);
      if (request.upstream === "") throw missingField(`upstream at proxy ${index + 1}`);
    });
    const done: ProxyJson[] = [];
    for (const request of requests) {
      try {
        done.push((await this.#replace(request)).json());
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return { proxies: done, error };
      }
    }
    return { proxies: done, error: null };
  }

  /** Every proxy up again, without toxics and not stalled. Throws 500 at the first that cannot be started. */
  async reset(): Promise<void> {
    for (const proxy of this.#proxies.values()) {
      await proxy.start();
      proxy.removeAllToxics();
      proxy.resume();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.stop()));
  }

  async #replace(request: ProxyRequest): Promise<ToxicProxy> {
    const present = this.#proxies.get(request.name);
    if (present === undefined) return await this.#add(request);
    if (!(await present.differs(request))) return present;
    // It stays, stopped, when the new one cannot be started.
    await present.stop();
    return await this.#add(request);
  }

  async #add(request: ProxyRequest): Promise<ToxicProxy> {
    const proxy = new ToxicProxy(request, this.#context, this.#prng.fork());
    if (request.enabled) await proxy.start();
    this.#proxies.set(proxy.name, proxy);
    return proxy;
  }
}

function readRequest(body: JsonObject): ProxyRequest {
  return {
    name: stringField(body, "name") ?? "",
    listen: stringField(body, "listen") ?? "",
    upstream: stringField(body, "upstream") ?? "",
    enabled: booleanField(body, "enabled") ?? true,
  };
}
