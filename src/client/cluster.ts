import { MemberListRequest, type MemberListResponse } from "../proto/gen/etcdserverpb.ts";
import { Cluster } from "../proto/gen/rpc.ts";
import type { Caller, CallOptions } from "./retry.ts";

/** Membership. Every method rejects with GrpcError. */
export class ClusterClient {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Linearizable unless the request says otherwise, as etcd's own client asks. */
  memberList(request: Partial<MemberListRequest> = {}, options?: CallOptions): Promise<MemberListResponse> {
    const full = MemberListRequest.create({ linearizable: true, ...request });
    return this.#caller.call(Cluster.MemberList, full, "read", options);
  }
}
