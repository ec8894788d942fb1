import { request as requestHttp } from "node:http";
import { type RequestOptions, request as requestHttps } from "node:https";
import type { Prng } from "../../base/prng.ts";
import { EtcdClient } from "../../client/client.ts";
import { nodeClock } from "../../env/node/clock.ts";
import { nodeStreams } from "../../env/node/streams.ts";
import { type TlsOptions, tlsStreams } from "../../env/node/streams-tls.ts";

const STATUS_TIMEOUT_MS = 1000;
const METRICS_TIMEOUT_MS = 2000;
const METRICS_MAX_BYTES: number = 16 * 1024 * 1024;

export interface MemberStatus {
  readonly memberId: bigint;
  /** 0n: it knows of no leader. */
  readonly leaderId: bigint;
  readonly term: number;
  readonly revision: number;
}

/** Questions to one member at one address, direct or through the proxy. Answers null when it does not say in time. */
export class MemberProbe {
  readonly #endpoint: string;
  readonly #tls: TlsOptions;
  readonly #client: EtcdClient;

  /** `tls`: for an https endpoint. */
  constructor(endpoint: string, prng: Prng, tls: TlsOptions = {}) {
    this.#endpoint = endpoint;
    this.#tls = tls;
    this.#client = new EtcdClient({
      endpoints: [endpoint],
      network: nodeStreams,
      ...(endpoint.startsWith("https:") ? { secureNetwork: tlsStreams(tls) } : {}),
      clock: nodeClock,
      prng,
      pinned: true,
    });
  }

  async status(): Promise<MemberStatus | null> {
    try {
      const { header, leader, raftTerm } = await this.#client.maintenance.status({ timeoutMs: STATUS_TIMEOUT_MS });
      if (header === null) return null;
      return { memberId: header.memberId, leaderId: leader, term: raftTerm, revision: header.revision };
    } catch {
      return null;
    }
  }

  /** Whether it confirms a read with a quorum in time. Leaves no trace in the store, unlike a write. */
  async servesLinearizable(timeoutMs: number): Promise<boolean> {
    try {
      await this.#client.kv.range(
        { key: new TextEncoder().encode("faultline/probe"), serializable: false },
        { timeoutMs },
      );
      return true;
    } catch {
      return false;
    }
  }

  /** CPU time of the process since its start, user and system, in seconds. */
  async cpuSeconds(): Promise<number | null> {
    const text = await httpGet(`${this.#endpoint}/metrics`, this.#tls);
    const match = /^process_cpu_seconds_total(?:\{[^}]*\})?\s+(\S+)/m.exec(text ?? "");
    const seconds = match === null ? Number.NaN : Number(match[1]);
    return Number.isFinite(seconds) ? seconds : null;
  }

  close(): void {
    this.#client.close();
  }
}

/** Null on any failure. */
function httpGet(url: string, { ca, cert, key }: TlsOptions): Promise<string | null> {
  return new Promise((resolve) => {
    const failed = (): void => resolve(null);
    const options: RequestOptions = { agent: false, timeout: METRICS_TIMEOUT_MS, ca, cert, key };
    const outgoing = (url.startsWith("https:") ? requestHttps : requestHttp)(url, options, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (part: string) => {
        text += part;
        if (text.length > METRICS_MAX_BYTES) outgoing.destroy();
      });
      incoming.on("end", () => resolve(incoming.statusCode === 200 ? text : null));
      incoming.on("close", failed);
    });
    outgoing.on("timeout", () => outgoing.destroy());
    outgoing.on("error", failed);
    outgoing.end();
  });
}
