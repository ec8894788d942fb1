/** What the services need of the member behind them. It is handed in: nothing here knows how a request is carried out. */
import type { Pieces } from "../../base/codec.ts";
import type { MemberId, Revision } from "../../base/ids.ts";
import type { SnapshotSource } from "../../env/transport.ts";
import { GrpcError } from "../../grpc/status.ts";
import type {
  AlarmRequest,
  AlarmResponse,
  CompactionRequest,
  CompactionResponse,
  DefragmentResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  HashKVRequest,
  HashKVResponse,
  HashResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  TxnRequest,
  TxnResponse,
  WatchCreateRequest,
} from "../../proto/gen/etcdserverpb.ts";
import { type EtcdError, isEtcdError } from "../errors.ts";
import type { ClusterMember, MemberStatus } from "../model.ts";

type Answer<Response> = Response | EtcdError;
/** A response or why there is none, there already or to be waited for; a later one may be a function that makes it. */
export type Soon<Response> = Answer<Response> | Promise<Answer<Response> | (() => Answer<Response>)>;

export interface ServedRequests {
  range(request: RangeRequest): Soon<RangeResponse>;
  put(request: PutRequest): Soon<PutResponse>;
  deleteRange(request: DeleteRangeRequest): Soon<DeleteRangeResponse>;
  txn(request: TxnRequest): Soon<TxnResponse>;
  rangeStream(request: RangeRequest): Promise<Answer<ServedChunks>>;
  compact(request: CompactionRequest): Promise<Answer<CompactionResponse>>;
  alarm(request: AlarmRequest): Promise<Answer<AlarmResponse>>;
  hashKv(request: HashKVRequest): Promise<Answer<HashKVResponse>>;
  hash(): Promise<Answer<HashResponse>>;
  defragment(): Promise<Answer<DefragmentResponse>>;
  /** A copy of the store, to be closed by who asked for it. */
  snapshot(): Promise<Answer<SnapshotSource>>;
  members(options: { readonly linearizable: boolean }): Promise<Answer<readonly ClusterMember[]>>;
}

/** A response in parts, each made when it is asked for, and asked for when the one before is there. */
export interface ServedChunks {
  /** Lets others go first. */
  turn(): Promise<void>;
  next(): Answer<ServedChunk> | Promise<Answer<ServedChunk>>;
}

export interface ServedChunk {
  /** Encoded already. */
  readonly response: Pieces;
  readonly isLast: boolean;
}

export interface ServedMember {
  readonly status: MemberStatus;
  readonly isServing: boolean;
  readonly makeHeader: (revision: Revision) => ResponseHeader;
  readonly watches: ServedWatches;
  whenServing(): EtcdError | null | Promise<EtcdError | null>;
  moveLeader(target: MemberId): Promise<EtcdError | null>;
}

export interface ServedWatches {
  readonly streamCount: number;
  readonly watcherCount: number;
  /** Responses come encoded: what is the watch's own, and what many streams are sent alike. */
  openStream(sink: {
    send(response: { readonly own: Uint8Array; readonly shared: Uint8Array }): boolean;
  }): ServedWatchStream;
}

export interface ServedWatchStream {
  readonly blocked: boolean;
  create(request: WatchCreateRequest): void;
  cancel(id: bigint): void;
  progress(): void;
  drained(): void;
  close(): void;
}

const statuses = new Map<EtcdError, GrpcError>();

/** One error object for each entry of the catalogue: their stacks would say nothing, and cost. */
export function grpcErrorOf(error: EtcdError): GrpcError {
  let status = statuses.get(error);
  if (status === undefined) {
    status = new GrpcError(error.code, error.message);
    statuses.set(error, status);
  }
  return status;
}

/** For a unary handler: the response, or the error thrown; at once when it is there. */
export function settle<Response extends object>(
  answer: Soon<Response>,
): Response | Promise<Response | (() => Response)> {
  return answer instanceof Promise ? answer.then(unwrapLater) : unwrap(answer);
}

function unwrapLater<Response extends object>(
  answer: Answer<Response> | (() => Answer<Response>),
): Response | (() => Response) {
  return typeof answer === "function" ? () => unwrap((answer as () => Answer<Response>)()) : unwrap(answer);
}

/** The response, or the error thrown. */
export function unwrap<Response extends object>(answer: Answer<Response>): Response {
  if (isEtcdError(answer)) throw grpcErrorOf(answer);
  return answer;
}
