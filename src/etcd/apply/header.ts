import type { Revision } from "../../base/ids.ts";
import type { ResponseHeader } from "../../proto/gen/etcdserverpb.ts";

/** Makes the header of an answer at `revision`: the member knows the cluster, itself and the term at that moment. */
export type MakeHeader = (revision: Revision) => ResponseHeader;

/** The header of an answer inside a transaction carries a revision and nothing else. */
export function innerHeader(revision: Revision): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 };
}
