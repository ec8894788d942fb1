import { type GrpcError, StatusCode } from "../../grpc/status.ts";

/**
 * The one place that decides what an error means (D9). Whatever is not listed here may have taken effect, or may still: leader
 * changes, time-outs, a broken connection and a stopping server all happen after a proposal may have been sent. Texts are
 * compared with etcd's "etcdserver: " prefix taken off.
 */
const CERTAINLY_WITHOUT_EFFECT: readonly { code: number; text: string | null; because: string }[] = [
  { code: StatusCode.INVALID_ARGUMENT, text: null, because: "validated before it is proposed" },
  { code: StatusCode.OUT_OF_RANGE, text: null, because: "a read of a revision that is compacted or still to come" },
  { code: StatusCode.UNIMPLEMENTED, text: null, because: "the server has no such method" },
  { code: StatusCode.UNAUTHENTICATED, text: null, because: "the token is read before anything else" },
  { code: StatusCode.PERMISSION_DENIED, text: null, because: "checked before it is proposed and again in its place" },
  { code: StatusCode.NOT_FOUND, text: "requested lease not found", because: "applying it changes nothing" },
  {
    code: StatusCode.RESOURCE_EXHAUSTED,
    text: "mvcc: database space exceeded",
    because: "applying it changes nothing",
  },
  // etcd declares the first and sends the second.
  { code: StatusCode.RESOURCE_EXHAUSTED, text: "too many requests", because: "refused before it is proposed" },
  { code: StatusCode.UNKNOWN, text: "too many requests", because: "refused before it is proposed" },
  // Only the interceptor that looks for a leader before the call is handled says this; a leader lost later times out.
  { code: StatusCode.UNAVAILABLE, text: "no leader", because: "refused before it is handled" },
  { code: StatusCode.UNAVAILABLE, text: "rpc not supported for learner", because: "refused before it is handled" },
  {
    code: StatusCode.FAILED_PRECONDITION,
    text: "rpc not supported for learner",
    because: "refused before it is handled",
  },
];

const PREFIX = "etcdserver: ";

/** Whether a call that ended with this error certainly had no effect. */
export function outcomeOf(error: GrpcError): "failed" | "unknown" {
  if (!error.reached) return "failed";
  const text = error.message.startsWith(PREFIX) ? error.message.slice(PREFIX.length) : error.message;
  const certain = CERTAINLY_WITHOUT_EFFECT.some(
    (row) => row.code === error.code && (row.text === null || row.text === text),
  );
  return certain ? "failed" : "unknown";
}

/** The reason as it stands in the history: code, then text. */
export function reasonOf(error: GrpcError): string {
  return `${CODE_NAMES.get(error.code) ?? `code ${error.code}`}: ${error.message}`;
}

const CODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(StatusCode).map(([name, code]) => [code, name.toLowerCase().replaceAll("_", " ")]),
);
