import type { Clock } from "../../../env/clock.ts";
import type { ToxicJson } from "./toxic.ts";

/** What happened to one proxy. */
export type ProxyEvent = { readonly proxy: string } & (
  | { readonly kind: "proxy-started"; readonly listen: string; readonly upstream: string }
  | { readonly kind: "proxy-start-failed"; readonly listen: string; readonly error: string }
  | { readonly kind: "proxy-stopped" | "proxy-removed" | "stalled" | "resumed" }
  | { readonly kind: "toxic-added" | "toxic-updated" | "toxic-removed"; readonly toxic: ToxicJson }
  | {
      readonly kind: "connection-opened";
      readonly connection: number;
      readonly client: string;
      /** Names of the toxics whose draw put them to work on it. */
      readonly active: readonly string[];
    }
  | { readonly kind: "dial-failed"; readonly connection: number; readonly error: string }
  | {
      readonly kind: "connection-closed";
      readonly connection: number;
      /** Read from the client, and from the server. */
      readonly upstreamBytes: number;
      readonly downstreamBytes: number;
    }
);

/** `seq` counts from 1 without gaps. */
export type LoggedEvent = ProxyEvent & { readonly seq: number; readonly atMs: number };

export interface EventsPage {
  readonly events: readonly LoggedEvent[];
  /** Of the newest event there is: ask with it as `after` next time. */
  readonly last: number;
  /** Events after the asked-for one that are no longer kept. */
  readonly dropped: number;
}

const EVENTS_MAX = 10_000;

/** The newest events of all proxies. */
export class EventLog {
  readonly #clock: Clock;
  readonly #listener: (event: LoggedEvent) => void;
  /** A ring: the event `seq` is at `seq % EVENTS_MAX`. */
  readonly #ring: LoggedEvent[] = [];
  #last = 0;

  constructor(clock: Clock, listener: (event: LoggedEvent) => void = () => undefined) {
    this.#clock = clock;
    this.#listener = listener;
  }

  add(event: ProxyEvent): void {
    this.#last++;
    const logged: LoggedEvent = { seq: this.#last, atMs: Math.round(this.#clock.wallMs()), ...event };
    this.#ring[this.#last % EVENTS_MAX] = logged;
    this.#listener(logged);
  }

  /** Everything kept that came after the event `after`, oldest first. */
  since(after: number): EventsPage {
    const oldest = Math.max(1, this.#last - EVENTS_MAX + 1);
    const from = Math.max(oldest, after + 1);
    const events: LoggedEvent[] = [];
    for (let seq = from; seq <= this.#last; seq++) events.push(this.#ring[seq % EVENTS_MAX] as LoggedEvent);
    return { events, last: this.#last, dropped: Math.max(0, oldest - after - 1) };
  }
}
