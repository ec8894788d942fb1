import type { Clock, Timer } from "../../env/clock.ts";
import type { ClientStream, GrpcConnection } from "../../grpc/connection.ts";
import type { GrpcError } from "../../grpc/status.ts";
import { LeaseKeepAliveRequest } from "../../proto/gen/etcdserverpb.ts";
import { Lease } from "../../proto/gen/rpc.ts";
import type { LeaseRecord } from "../model/history.ts";
import { Link, type LinkOptions } from "./link.ts";
import { outcomeOf, reasonOf } from "./outcomes.ts";

/** A stream that ends while its connection lives is opened again after this. */
const REOPEN_MS = 100;

export interface KeepAliveOptions {
  readonly link: Omit<LinkOptions, "opened">;
  readonly clock: Clock;
  readonly nowNs: () => number;
  /** A keepalive without an answer by then is of unknown outcome, and its stream with all the others on it is given up. */
  readonly deadlineNs: number;
  /** One keepalive is over. */
  readonly ended: (lease: bigint, startNs: number, endNs: number, outcome: LeaseRecord["outcome"]) => void;
}

/**
 * One stream of keepalives to one member, on a connection of its own, opened again whenever it breaks. The member answers in the
 * order of the requests, so one that waits for a leader holds up all behind it: after the deadline the stream is given up.
 */
export class KeepAliveStream {
  readonly #options: KeepAliveOptions;
  readonly #link: Link;
  #stream: ClientStream<LeaseKeepAliveRequest> | null = null;
  #reopen: Timer | null = null;
  #closed = false;
  /** When each keepalive in flight began, oldest first: one for a lease at most, so an answer belongs to the one in flight. */
  readonly #inFlight = new Map<bigint, number>();

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#link = new Link({ ...options.link, opened: (connection) => this.#open(connection) });
  }

  /** Starts a keepalive, unless the last one of this lease is still in flight. */
  keep(lease: bigint): void {
    if (this.#inFlight.has(lease)) return;
    const { nowNs, ended } = this.#options;
    const startNs = nowNs();
    if (this.#stream === null) {
      ended(lease, startNs, startNs, { kind: "failed", reason: "not connected" });
      return;
    }
    this.#inFlight.set(lease, startNs);
    this.#stream.send(LeaseKeepAliveRequest.create({ id: lease }));
  }

  /** Gives the stream up when its oldest keepalive is past the deadline. */
  expire(): void {
    const { nowNs, deadlineNs } = this.#options;
    const [oldestNs] = this.#inFlight.values();
    if (oldestNs !== undefined && nowNs() - oldestNs >= deadlineNs) this.#giveUp("no answer by the deadline");
  }

  close(): void {
    this.#closed = true;
    this.#giveUp("the load is over");
    this.#reopen?.cancel();
    this.#link.close();
  }

  #open(connection: GrpcConnection): void {
    this.#reopen?.cancel();
    const stream = connection.stream(
      Lease.LeaseKeepAlive,
      {},
      {
        message: ({ id, ttl }) => {
          if (this.#stream === stream) this.#answered(id, ttl);
        },
        closed: (error: GrpcError | null) => {
          if (this.#stream !== stream) return;
          if (error === null) this.#over({ kind: "unknown", reason: "ended by the member" });
          else this.#over({ kind: outcomeOf(error), reason: reasonOf(error) });
        },
      },
    );
    this.#stream = stream;
  }

  #answered(lease: bigint, ttlSeconds: number): void {
    const startNs = this.#inFlight.get(lease);
    if (startNs === undefined) return;
    this.#inFlight.delete(lease);
    this.#options.ended(lease, startNs, this.#options.nowNs(), { kind: "ok", ttlSeconds });
  }

  #giveUp(reason: string): void {
    const stream = this.#stream;
    this.#over({ kind: "unknown", reason });
    stream?.cancel();
  }

  /** The stream is over; the link dials again by itself if the connection is gone, too. */
  #over(outcome: LeaseRecord["outcome"]): void {
    const { clock, nowNs, ended } = this.#options;
    this.#stream = null;
    const lost = [...this.#inFlight];
    this.#inFlight.clear();
    const endNs = nowNs();
    for (const [lease, startNs] of lost) ended(lease, startNs, endNs, outcome);
    this.#reopen?.cancel();
    if (this.#closed) return;
    this.#reopen = clock.after(REOPEN_MS, () => {
      const { connection } = this.#link;
      if (connection !== null && this.#stream === null) this.#open(connection);
    });
  }
}
