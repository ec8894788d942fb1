// Generated from src/proto/*.proto by `npm run generate`: change that, not this.
import type { Method } from "../../base/codec.ts";
import * as etcdserverpb from "./etcdserverpb.ts";
import * as healthpb from "./healthpb.ts";
import * as peerpb from "./peerpb.ts";
import * as v3electionpb from "./v3electionpb.ts";
import * as v3lockpb from "./v3lockpb.ts";

export const KV: {
  readonly Range: Method<etcdserverpb.RangeRequest, etcdserverpb.RangeResponse>;
  readonly RangeStream: Method<etcdserverpb.RangeRequest, etcdserverpb.RangeStreamResponse>;
  readonly Put: Method<etcdserverpb.PutRequest, etcdserverpb.PutResponse>;
  readonly DeleteRange: Method<etcdserverpb.DeleteRangeRequest, etcdserverpb.DeleteRangeResponse>;
  readonly Txn: Method<etcdserverpb.TxnRequest, etcdserverpb.TxnResponse>;
  readonly Compact: Method<etcdserverpb.CompactionRequest, etcdserverpb.CompactionResponse>;
} = {
  Range: {
    path: "/etcdserverpb.KV/Range",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.RangeRequest,
    response: etcdserverpb.RangeResponse,
  },
  RangeStream: {
    path: "/etcdserverpb.KV/RangeStream",
    requestStream: false,
    responseStream: true,
    request: etcdserverpb.RangeRequest,
    response: etcdserverpb.RangeStreamResponse,
  },
  Put: {
    path: "/etcdserverpb.KV/Put",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.PutRequest,
    response: etcdserverpb.PutResponse,
  },
  DeleteRange: {
    path: "/etcdserverpb.KV/DeleteRange",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.DeleteRangeRequest,
    response: etcdserverpb.DeleteRangeResponse,
  },
  Txn: {
    path: "/etcdserverpb.KV/Txn",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.TxnRequest,
    response: etcdserverpb.TxnResponse,
  },
  Compact: {
    path: "/etcdserverpb.KV/Compact",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.CompactionRequest,
    response: etcdserverpb.CompactionResponse,
  },
};

export const Watch: {
  readonly Watch: Method<etcdserverpb.WatchRequest, etcdserverpb.WatchResponse>;
} = {
  Watch: {
    path: "/etcdserverpb.Watch/Watch",
    requestStream: true,
    responseStream: true,
    request: etcdserverpb.WatchRequest,
    response: etcdserverpb.WatchResponse,
  },
};

export const Lease: {
  readonly LeaseGrant: Method<etcdserverpb.LeaseGrantRequest, etcdserverpb.LeaseGrantResponse>;
  readonly LeaseRevoke: Method<etcdserverpb.LeaseRevokeRequest, etcdserverpb.LeaseRevokeResponse>;
  readonly LeaseKeepAlive: Method<etcdserverpb.LeaseKeepAliveRequest, etcdserverpb.LeaseKeepAliveResponse>;
  readonly LeaseTimeToLive: Method<etcdserverpb.LeaseTimeToLiveRequest, etcdserverpb.LeaseTimeToLiveResponse>;
  readonly LeaseLeases: Method<etcdserverpb.LeaseLeasesRequest, etcdserverpb.LeaseLeasesResponse>;
} = {
  LeaseGrant: {
    path: "/etcdserverpb.Lease/LeaseGrant",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.LeaseGrantRequest,
    response: etcdserverpb.LeaseGrantResponse,
  },
  LeaseRevoke: {
    path: "/etcdserverpb.Lease/LeaseRevoke",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.LeaseRevokeRequest,
    response: etcdserverpb.LeaseRevokeResponse,
  },
  LeaseKeepAlive: {
    path: "/etcdserverpb.Lease/LeaseKeepAlive",
    requestStream: true,
    responseStream: true,
    request: etcdserverpb.LeaseKeepAliveRequest,
    response: etcdserverpb.LeaseKeepAliveResponse,
  },
  LeaseTimeToLive: {
    path: "/etcdserverpb.Lease/LeaseTimeToLive",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.LeaseTimeToLiveRequest,
    response: etcdserverpb.LeaseTimeToLiveResponse,
  },
  LeaseLeases: {
    path: "/etcdserverpb.Lease/LeaseLeases",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.LeaseLeasesRequest,
    response: etcdserverpb.LeaseLeasesResponse,
  },
};

export const Cluster: {
  readonly MemberAdd: Method<etcdserverpb.MemberAddRequest, etcdserverpb.MemberAddResponse>;
  readonly MemberRemove: Method<etcdserverpb.MemberRemoveRequest, etcdserverpb.MemberRemoveResponse>;
  readonly MemberUpdate: Method<etcdserverpb.MemberUpdateRequest, etcdserverpb.MemberUpdateResponse>;
  readonly MemberList: Method<etcdserverpb.MemberListRequest, etcdserverpb.MemberListResponse>;
  readonly MemberPromote: Method<etcdserverpb.MemberPromoteRequest, etcdserverpb.MemberPromoteResponse>;
} = {
  MemberAdd: {
    path: "/etcdserverpb.Cluster/MemberAdd",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.MemberAddRequest,
    response: etcdserverpb.MemberAddResponse,
  },
  MemberRemove: {
    path: "/etcdserverpb.Cluster/MemberRemove",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.MemberRemoveRequest,
    response: etcdserverpb.MemberRemoveResponse,
  },
  MemberUpdate: {
    path: "/etcdserverpb.Cluster/MemberUpdate",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.MemberUpdateRequest,
    response: etcdserverpb.MemberUpdateResponse,
  },
  MemberList: {
    path: "/etcdserverpb.Cluster/MemberList",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.MemberListRequest,
    response: etcdserverpb.MemberListResponse,
  },
  MemberPromote: {
    path: "/etcdserverpb.Cluster/MemberPromote",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.MemberPromoteRequest,
    response: etcdserverpb.MemberPromoteResponse,
  },
};

export const Maintenance: {
  readonly Alarm: Method<etcdserverpb.AlarmRequest, etcdserverpb.AlarmResponse>;
  readonly Status: Method<etcdserverpb.StatusRequest, etcdserverpb.StatusResponse>;
  readonly Defragment: Method<etcdserverpb.DefragmentRequest, etcdserverpb.DefragmentResponse>;
  readonly Hash: Method<etcdserverpb.HashRequest, etcdserverpb.HashResponse>;
  readonly HashKV: Method<etcdserverpb.HashKVRequest, etcdserverpb.HashKVResponse>;
  readonly Snapshot: Method<etcdserverpb.SnapshotRequest, etcdserverpb.SnapshotResponse>;
  readonly MoveLeader: Method<etcdserverpb.MoveLeaderRequest, etcdserverpb.MoveLeaderResponse>;
  readonly Downgrade: Method<etcdserverpb.DowngradeRequest, etcdserverpb.DowngradeResponse>;
} = {
  Alarm: {
    path: "/etcdserverpb.Maintenance/Alarm",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AlarmRequest,
    response: etcdserverpb.AlarmResponse,
  },
  Status: {
    path: "/etcdserverpb.Maintenance/Status",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.StatusRequest,
    response: etcdserverpb.StatusResponse,
  },
  Defragment: {
    path: "/etcdserverpb.Maintenance/Defragment",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.DefragmentRequest,
    response: etcdserverpb.DefragmentResponse,
  },
  Hash: {
    path: "/etcdserverpb.Maintenance/Hash",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.HashRequest,
    response: etcdserverpb.HashResponse,
  },
  HashKV: {
    path: "/etcdserverpb.Maintenance/HashKV",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.HashKVRequest,
    response: etcdserverpb.HashKVResponse,
  },
  Snapshot: {
    path: "/etcdserverpb.Maintenance/Snapshot",
    requestStream: false,
    responseStream: true,
    request: etcdserverpb.SnapshotRequest,
    response: etcdserverpb.SnapshotResponse,
  },
  MoveLeader: {
    path: "/etcdserverpb.Maintenance/MoveLeader",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.MoveLeaderRequest,
    response: etcdserverpb.MoveLeaderResponse,
  },
  Downgrade: {
    path: "/etcdserverpb.Maintenance/Downgrade",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.DowngradeRequest,
    response: etcdserverpb.DowngradeResponse,
  },
};

export const Auth: {
  readonly AuthEnable: Method<etcdserverpb.AuthEnableRequest, etcdserverpb.AuthEnableResponse>;
  readonly AuthDisable: Method<etcdserverpb.AuthDisableRequest, etcdserverpb.AuthDisableResponse>;
  readonly AuthStatus: Method<etcdserverpb.AuthStatusRequest, etcdserverpb.AuthStatusResponse>;
  readonly Authenticate: Method<etcdserverpb.AuthenticateRequest, etcdserverpb.AuthenticateResponse>;
  readonly UserAdd: Method<etcdserverpb.AuthUserAddRequest, etcdserverpb.AuthUserAddResponse>;
  readonly UserGet: Method<etcdserverpb.AuthUserGetRequest, etcdserverpb.AuthUserGetResponse>;
  readonly UserList: Method<etcdserverpb.AuthUserListRequest, etcdserverpb.AuthUserListResponse>;
  readonly UserDelete: Method<etcdserverpb.AuthUserDeleteRequest, etcdserverpb.AuthUserDeleteResponse>;
  readonly UserChangePassword: Method<
    etcdserverpb.AuthUserChangePasswordRequest,
    etcdserverpb.AuthUserChangePasswordResponse
  >;
  readonly UserGrantRole: Method<etcdserverpb.AuthUserGrantRoleRequest, etcdserverpb.AuthUserGrantRoleResponse>;
  readonly UserRevokeRole: Method<etcdserverpb.AuthUserRevokeRoleRequest, etcdserverpb.AuthUserRevokeRoleResponse>;
  readonly RoleAdd: Method<etcdserverpb.AuthRoleAddRequest, etcdserverpb.AuthRoleAddResponse>;
  readonly RoleGet: Method<etcdserverpb.AuthRoleGetRequest, etcdserverpb.AuthRoleGetResponse>;
  readonly RoleList: Method<etcdserverpb.AuthRoleListRequest, etcdserverpb.AuthRoleListResponse>;
  readonly RoleDelete: Method<etcdserverpb.AuthRoleDeleteRequest, etcdserverpb.AuthRoleDeleteResponse>;
  readonly RoleGrantPermission: Method<
    etcdserverpb.AuthRoleGrantPermissionRequest,
    etcdserverpb.AuthRoleGrantPermissionResponse
  >;
  readonly RoleRevokePermission: Method<
    etcdserverpb.AuthRoleRevokePermissionRequest,
    etcdserverpb.AuthRoleRevokePermissionResponse
  >;
} = {
  AuthEnable: {
    path: "/etcdserverpb.Auth/AuthEnable",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthEnableRequest,
    response: etcdserverpb.AuthEnableResponse,
  },
  AuthDisable: {
    path: "/etcdserverpb.Auth/AuthDisable",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthDisableRequest,
    response: etcdserverpb.AuthDisableResponse,
  },
  AuthStatus: {
    path: "/etcdserverpb.Auth/AuthStatus",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthStatusRequest,
    response: etcdserverpb.AuthStatusResponse,
  },
  Authenticate: {
    path: "/etcdserverpb.Auth/Authenticate",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthenticateRequest,
    response: etcdserverpb.AuthenticateResponse,
  },
  UserAdd: {
    path: "/etcdserverpb.Auth/UserAdd",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthUserAddRequest,
    response: etcdserverpb.AuthUserAddResponse,
  },
  UserGet: {
    path: "/etcdserverpb.Auth/UserGet",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthUserGetRequest,
    response: etcdserverpb.AuthUserGetResponse,
  },
  UserList: {
    path: "/etcdserverpb.Auth/UserList",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthUserListRequest,
    response: etcdserverpb.AuthUserListResponse,
  },
  UserDelete: {
    path: "/etcdserverpb.Auth/UserDelete",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthUserDeleteRequest,
    response: etcdserverpb.AuthUserDeleteResponse,
  },
  UserChangePassword: {
    path: "/etcdserverpb.Auth/UserChangePassword",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthUserChangePasswordRequest,
    response: etcdserverpb.AuthUserChangePasswordResponse,
  },
  UserGrantRole: {
    path: "/etcdserverpb.Auth/UserGrantRole",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthUserGrantRoleRequest,
    response: etcdserverpb.AuthUserGrantRoleResponse,
  },
  UserRevokeRole: {
    path: "/etcdserverpb.Auth/UserRevokeRole",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthUserRevokeRoleRequest,
    response: etcdserverpb.AuthUserRevokeRoleResponse,
  },
  RoleAdd: {
    path: "/etcdserverpb.Auth/RoleAdd",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthRoleAddRequest,
    response: etcdserverpb.AuthRoleAddResponse,
  },
  RoleGet: {
    path: "/etcdserverpb.Auth/RoleGet",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthRoleGetRequest,
    response: etcdserverpb.AuthRoleGetResponse,
  },
  RoleList: {
    path: "/etcdserverpb.Auth/RoleList",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthRoleListRequest,
    response: etcdserverpb.AuthRoleListResponse,
  },
  RoleDelete: {
    path: "/etcdserverpb.Auth/RoleDelete",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthRoleDeleteRequest,
    response: etcdserverpb.AuthRoleDeleteResponse,
  },
  RoleGrantPermission: {
    path: "/etcdserverpb.Auth/RoleGrantPermission",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthRoleGrantPermissionRequest,
    response: etcdserverpb.AuthRoleGrantPermissionResponse,
  },
  RoleRevokePermission: {
    path: "/etcdserverpb.Auth/RoleRevokePermission",
    requestStream: false,
    responseStream: false,
    request: etcdserverpb.AuthRoleRevokePermissionRequest,
    response: etcdserverpb.AuthRoleRevokePermissionResponse,
  },
};

export const Health: {
  readonly Check: Method<healthpb.HealthCheckRequest, healthpb.HealthCheckResponse>;
  readonly Watch: Method<healthpb.HealthCheckRequest, healthpb.HealthCheckResponse>;
} = {
  Check: {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    request: healthpb.HealthCheckRequest,
    response: healthpb.HealthCheckResponse,
  },
  Watch: {
    path: "/grpc.health.v1.Health/Watch",
    requestStream: false,
    responseStream: true,
    request: healthpb.HealthCheckRequest,
    response: healthpb.HealthCheckResponse,
  },
};

export const Peer: {
  readonly Messages: Method<peerpb.Frame, peerpb.Welcome>;
  readonly Snapshot: Method<peerpb.SnapshotPart, peerpb.SnapshotAnswer>;
  readonly Ask: Method<peerpb.Question, peerpb.Reply>;
  readonly Describe: Method<peerpb.DescribeRequest, peerpb.ClusterDescription>;
} = {
  Messages: {
    path: "/peerpb.Peer/Messages",
    requestStream: true,
    responseStream: true,
    request: peerpb.Frame,
    response: peerpb.Welcome,
  },
  Snapshot: {
    path: "/peerpb.Peer/Snapshot",
    requestStream: true,
    responseStream: false,
    request: peerpb.SnapshotPart,
    response: peerpb.SnapshotAnswer,
  },
  Ask: {
    path: "/peerpb.Peer/Ask",
    requestStream: false,
    responseStream: false,
    request: peerpb.Question,
    response: peerpb.Reply,
  },
  Describe: {
    path: "/peerpb.Peer/Describe",
    requestStream: false,
    responseStream: false,
    request: peerpb.DescribeRequest,
    response: peerpb.ClusterDescription,
  },
};

export const Election: {
  readonly Campaign: Method<v3electionpb.CampaignRequest, v3electionpb.CampaignResponse>;
  readonly Proclaim: Method<v3electionpb.ProclaimRequest, v3electionpb.ProclaimResponse>;
  readonly Leader: Method<v3electionpb.LeaderRequest, v3electionpb.LeaderResponse>;
  readonly Observe: Method<v3electionpb.LeaderRequest, v3electionpb.LeaderResponse>;
  readonly Resign: Method<v3electionpb.ResignRequest, v3electionpb.ResignResponse>;
} = {
  Campaign: {
    path: "/v3electionpb.Election/Campaign",
    requestStream: false,
    responseStream: false,
    request: v3electionpb.CampaignRequest,
    response: v3electionpb.CampaignResponse,
  },
  Proclaim: {
    path: "/v3electionpb.Election/Proclaim",
    requestStream: false,
    responseStream: false,
    request: v3electionpb.ProclaimRequest,
    response: v3electionpb.ProclaimResponse,
  },
  Leader: {
    path: "/v3electionpb.Election/Leader",
    requestStream: false,
    responseStream: false,
    request: v3electionpb.LeaderRequest,
    response: v3electionpb.LeaderResponse,
  },
  Observe: {
    path: "/v3electionpb.Election/Observe",
    requestStream: false,
    responseStream: true,
    request: v3electionpb.LeaderRequest,
    response: v3electionpb.LeaderResponse,
  },
  Resign: {
    path: "/v3electionpb.Election/Resign",
    requestStream: false,
    responseStream: false,
    request: v3electionpb.ResignRequest,
    response: v3electionpb.ResignResponse,
  },
};

export const Lock: {
  readonly Lock: Method<v3lockpb.LockRequest, v3lockpb.LockResponse>;
  readonly Unlock: Method<v3lockpb.UnlockRequest, v3lockpb.UnlockResponse>;
} = {
  Lock: {
    path: "/v3lockpb.Lock/Lock",
    requestStream: false,
    responseStream: false,
    request: v3lockpb.LockRequest,
    response: v3lockpb.LockResponse,
  },
  Unlock: {
    path: "/v3lockpb.Lock/Unlock",
    requestStream: false,
    responseStream: false,
    request: v3lockpb.UnlockRequest,
    response: v3lockpb.UnlockResponse,
  },
};
