import type { GrpcServer, ServerStream } from "../../grpc/server.ts";
import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { Lease } from "../../proto/gen/rpc.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "../errors.ts";
import { grpcErrorOf, settle } from "./served.ts";

/** Since the process began. */
export interface LeaseCounts {
  readonly granted: number;
  readonly revoked: number;
  /** By this member as leader, as the next. */
  readonly renewed: number;
  readonly expired: number;
}

type Answer<Response> = Promise<Response | EtcdError>;

export interface ServedLeases {
  readonly counts: LeaseCounts;
  grant(request: LeaseGrantRequest): Answer<LeaseGrantResponse>;
  revoke(request: LeaseRevokeRequest): Answer<LeaseRevokeResponse>;
  keepAlive(request: LeaseKeepAliveRequest): Answer<LeaseKeepAliveResponse>;
  timeToLive(request: LeaseTimeToLiveRequest): Answer<LeaseTimeToLiveResponse>;
  list(): Answer<LeaseLeasesResponse>;
}

type Stream = ServerStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse>;

/** A stream with so many unanswered keepalives is not read on. */
const UNANSWERED_MAX = 1_000;

/**
 * etcdserverpb.Lease. Keepalives of one stream are carried out together and answered as their answers come: clients tell them apart by
 * the lease, and one that waits for a revocation holds up no other.
 */
export class LeaseService {
  readonly #leases: ServedLeases;
  readonly #open = new Set<Stream>();

  constructor(server: GrpcServer, leases: ServedLeases) {
    this.#leases = leases;
    server.unary(Lease.LeaseGrant, (request) => settle(leases.grant(request)));
    server.unary(Lease.LeaseRevoke, (request) => settle(leases.revoke(request)));
    server.unary(Lease.LeaseTimeToLive, (request) => settle(leases.timeToLive(request)));
    server.unary(Lease.LeaseLeases, () => settle(leases.list()));
    server.streaming(Lease.LeaseKeepAlive, (stream) => this.#accept(stream));
  }

  /** Ends every stream: clients look for another member. */
  close(): void {
    for (const stream of this.#open) stream.end(grpcErrorOf(ETCD_ERRORS.stopped));
    this.#open.clear();
  }

  #accept(stream: Stream): void {
    this.#open.add(stream);
    let unanswered = 0;
    let isDrained = true;
    let hasEnded = false;
    let isPaused = false;
    const end = (error: EtcdError | null): void => {
      this.#open.delete(stream);
      if (error === null) stream.end();
      else stream.end(grpcErrorOf(error));
    };
    const goOn = (): void => {
      const isBusy = !isDrained || unanswered >= UNANSWERED_MAX;
      if (isBusy === isPaused) return;
      isPaused = isBusy;
      if (isBusy) stream.pause();
      else stream.resume();
    };
    const renew = async (request: LeaseKeepAliveRequest): Promise<void> => {
      const answer = await this.#leases.keepAlive(request);
      unanswered--;
      if (!this.#open.has(stream)) return;
      if (isEtcdError(answer)) return end(answer);
      isDrained = stream.send(answer);
      if (hasEnded && unanswered === 0) end(null);
      else goOn();
    };
    stream.receive({
      message: (request) => {
        unanswered++;
        void renew(request);
        goOn();
      },
      drained: () => {
        isDrained = true;
        goOn();
      },
      ended: () => {
        hasEnded = true;
        if (unanswered === 0) end(null);
      },
      cancelled: () => this.#open.delete(stream),
    });
  }
}
