import { collectDefaultMetrics, Registry } from "prom-client";
import type { Direction } from "./toxic.ts";

/** The real server's labels, in the order in which it prints them. */
export interface TrafficLabels {
  readonly direction: Direction;
  readonly listener: string;
  readonly proxy: string;
  readonly upstream: string;
}

const SERIES_MAX = 10_000;

/**
 * GET /metrics under the real server's names. Bytes are added when a link ends. Written by hand because the real server's help
 * lines are empty, which prom-client refuses; the process's own metrics come from there.
 */
export class Metrics {
  readonly #received: Map<string, number> | null;
  readonly #sent = new Map<string, number>();
  readonly #runtime: Registry | null = null;

  constructor(wanted: { readonly proxy: boolean; readonly runtime: boolean }) {
    this.#received = wanted.proxy ? new Map() : null;
    if (wanted.runtime) {
      this.#runtime = new Registry();
      collectDefaultMetrics({ register: this.#runtime });
    }
  }

  get wanted(): boolean {
    return this.#received !== null || this.#runtime !== null;
  }

  /** `sentBytes` null: the writing side failed, and the real server does not count it then. */
  linkEnded(labels: TrafficLabels, receivedBytes: number, sentBytes: number | null): void {
    if (this.#received === null) return;
    add(this.#received, labels, receivedBytes);
    if (sentBytes !== null) add(this.#sent, labels, sentBytes);
  }

  async text(): Promise<string> {
    const parts = [await (this.#runtime?.metrics() ?? "")];
    if (this.#received !== null) {
      parts.push(counter("toxiproxy_proxy_received_bytes_total", this.#received));
      parts.push(counter("toxiproxy_proxy_sent_bytes_total", this.#sent));
    }
    return parts.join("");
  }
}

function add(series: Map<string, number>, labels: TrafficLabels, bytes: number): void {
  const { direction, listener, proxy, upstream } = labels;
  const key = Object.entries({ direction, listener, proxy, upstream })
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(",");
  // Proxies that come and go on new ports must not fill the memory.
  if (!series.has(key) && series.size >= SERIES_MAX) return;
  series.set(key, (series.get(key) ?? 0) + bytes);
}

function counter(name: string, series: ReadonlyMap<string, number>): string {
  if (series.size === 0) return "";
  const lines = [...series].map(([labels, value]) => `${name}{${labels}} ${value}\n`).sort();
  return `# HELP ${name} \n# TYPE ${name} counter\n${lines.join("")}`;
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"');
}
