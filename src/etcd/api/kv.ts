import type { Method, Pieces } from "../../base/codec.ts";
import type { GrpcServer, ServerStream } from "../../grpc/server.ts";
import type { RangeRequest, RangeResponse, RangeStreamResponse } from "../../proto/gen/etcdserverpb.ts";
import { KV } from "../../proto/gen/rpc.ts";
import { fieldPrefix } from "../../proto/wire.ts";
import { type EtcdError, isEtcdError } from "../errors.ts";
import { grpcErrorOf, type ServedChunk, type ServedChunks, type ServedRequests, settle, unwrap } from "./served.ts";

/** Ranges come encoded as a rule: walking them here, or putting them together, would hold up everybody. */
const RANGE: Method<RangeRequest, RangeResponse> = {
  ...KV.Range,
  response: {
    ...KV.Range.response,
    pieces: (response) => ("pieces" in response ? (response as RangeResponse & Pieces) : null),
  },
};

/** The one field of a RangeStreamResponse. */
const RANGE_RESPONSE_TAG = 0x0a;

/** etcdserverpb.KV. A serializable read is answered in the handler itself. */
export function serveKv(server: GrpcServer, requests: ServedRequests): void {
  server.unary(RANGE, (request) => settle(requests.range(request)));
  server.unary(KV.Put, (request) => settle(requests.put(request)));
  server.unary(KV.DeleteRange, (request) => settle(requests.deleteRange(request)));
  server.unary(KV.Txn, (request) => settle(requests.txn(request)));
  server.unary(KV.Compact, async (request) => unwrap(await requests.compact(request)));
  server.streaming(KV.RangeStream, (stream) => streamRange(stream, requests));
}

/** The client's one request, and chunk after chunk as long as it takes them. */
function streamRange(stream: ServerStream<RangeRequest, RangeStreamResponse>, requests: ServedRequests): void {
  /** Null: nothing may be asked for, now or any more. */
  let chunks: ServedChunks | null = null;
  /** True: the client takes more. */
  const send = (chunk: ServedChunk | EtcdError): boolean => {
    if (isEtcdError(chunk)) {
      chunks = null;
      stream.end(grpcErrorOf(chunk));
      return false;
    }
    const { pieces, length, done } = chunk.response;
    const prefix = fieldPrefix(RANGE_RESPONSE_TAG, length);
    const hasRoom = stream.sendEncoded({ pieces: [prefix, ...pieces], length: prefix.length + length, done });
    if (!chunk.isLast) return hasRoom;
    chunks = null;
    stream.end();
    return false;
  };
  const sendMore = async (): Promise<void> => {
    while (chunks !== null) {
      const asked: ServedChunks = chunks;
      chunks = null;
      await asked.turn();
      const chunk = await asked.next();
      if (stream.cancelled) return;
      chunks = asked;
      if (!send(chunk)) return;
    }
  };
  stream.receive({
    message: (request) => {
      void requests.rangeStream(request).then((found) => {
        if (stream.cancelled) return;
        if (isEtcdError(found)) stream.end(grpcErrorOf(found));
        else {
          chunks = found;
          void sendMore();
        }
      });
    },
    ended() {},
    cancelled: () => {
      chunks = null;
    },
    drained: () => void sendMore(),
  });
}
