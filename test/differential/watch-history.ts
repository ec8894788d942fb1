/** What watchers of one stream are told of the history: refusals, and every event up to now. */
import type { GrpcChannel } from "../../src/grpc/channel.ts";
import type { ClientStream } from "../../src/grpc/connection.ts";
import { GrpcError } from "../../src/grpc/status.ts";
import type { WatchCreateRequest, WatchRequest, WatchResponse } from "../../src/proto/gen/etcdserverpb.ts";
import { Watch } from "../../src/proto/gen/rpc.ts";
import type { Answer } from "./answer.ts";

const ASK_EVERY_MS = 5;
const STREAM_TIMEOUT_MS = 20_000;

interface Told {
  /** Of the answers to the creation and to a cancellation, the fields that say something. */
  readonly control: object[];
  readonly events: object[];
}

/**
 * The end is known by a progress response, which comes only when every watcher of the stream has got its history. etcd before 3.4.25
 * and 3.5.8 sends it too early (`isEager`), and no etcd sends it any more when it has cancelled one of them: then the end is when as
 * much was told as in `expected`.
 */
export function readHistory(
  channel: GrpcChannel,
  creates: readonly WatchCreateRequest[],
  expected: Answer | null,
  isEager: boolean,
): Promise<object> {
  const told = new Map<bigint, Told>();
  const refused: object[] = [];
  let answered = 0;
  let asking: NodeJS.Timeout | null = null;
  return new Promise((done, failed) => {
    const finish = (): void => {
      if (asking !== null) clearInterval(asking);
      done({ refused, told: [...told].sort(([a], [b]) => Number(a - b)) });
      stream.cancel();
    };
    const counts = (): boolean => isEager || [...told.values()].some(({ control }) => control.length > 1);
    const isComplete = (): boolean =>
      answered >= creates.length && expected !== null && counts() && countOf(told) >= countIn(expected);
    const stream: ClientStream<WatchRequest> = channel.stream(
      Watch.Watch,
      { timeoutMs: STREAM_TIMEOUT_MS },
      {
        message: (response) => {
          if (response.created) answered++;
          if (isProgress(response)) {
            if (!isEager) finish();
            return;
          }
          note(response, told, refused);
          if (isComplete()) finish();
        },
        closed: (error) => {
          if (asking !== null) clearInterval(asking);
          failed(error ?? new GrpcError(0, "the watch stream ended"));
        },
      },
    );
    for (const create of creates) stream.send({ requestUnion: { kind: "createRequest", value: create } });
    // Nobody is left on the stream: no progress will be told.
    const ask = (): void => {
      if (answered < creates.length) return;
      if (told.size === 0 || [...told.values()].every(({ control }) => control.length > 1)) finish();
      else stream.send({ requestUnion: { kind: "progressRequest", value: {} } });
    };
    asking = setInterval(ask, ASK_EVERY_MS);
  });
}

function isProgress({ watchId, created, canceled, events }: WatchResponse): boolean {
  return BigInt.asIntN(64, watchId) === -1n && !created && !canceled && events.length === 0;
}

function note(response: WatchResponse, told: Map<bigint, Told>, refused: object[]): void {
  const { watchId, created, canceled, cancelReason, compactRevision, events, header } = response;
  const control = { created, canceled, cancelReason, compactRevision, revision: header?.revision };
  if (created && canceled) {
    refused.push(control);
    return;
  }
  let watcher = told.get(watchId);
  if (watcher === undefined) {
    watcher = { control: [], events: [] };
    told.set(watchId, watcher);
  }
  if (created || canceled) watcher.control.push(control);
  watcher.events.push(...events);
}

function countOf(told: ReadonlyMap<bigint, Told>): number {
  let count = 0;
  for (const { control, events } of told.values()) count += events.length + control.length;
  return count;
}

function countIn({ response }: Answer): number {
  const told = (response as { told?: readonly (readonly [bigint, Told])[] } | null)?.told ?? [];
  return countOf(new Map(told));
}
