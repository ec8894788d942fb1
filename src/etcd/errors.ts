/**
 * Every failure the etcd API can answer with: gRPC code and text, both contract (clients recognise an error by its exact text).
 * They are values, not exceptions: rooms return them, the API turns them into a status.
 */
export interface EtcdError {
  /** The gRPC status code. */
  readonly code: number;
  readonly message: string;
}

/** Grouped by what the client did or met. Codes are literals: 1 canceled, 2 unknown, 3 invalid argument, 4 deadline exceeded, 5 not
 * found, 7 permission denied, 8 resource exhausted, 9 failed precondition, 11 out of range, 12 unimplemented, 14 unavailable,
 * 15 data loss, 16 unauthenticated. */
export const ETCD_ERRORS = {
  // The request is malformed.
  keyNotProvided: { code: 3, message: "etcdserver: key is not provided" },
  keyNotFound: { code: 3, message: "etcdserver: key not found" },
  valueProvided: { code: 3, message: "etcdserver: value is provided" },
  leaseProvided: { code: 3, message: "etcdserver: lease is provided" },
  tooManyOperations: { code: 3, message: "etcdserver: too many operations in txn request" },
  duplicateKey: { code: 3, message: "etcdserver: duplicate key given in txn request" },
  invalidSortOption: { code: 3, message: "etcdserver: invalid sort option" },
  invalidClientApiVersion: { code: 3, message: "etcdserver: invalid client api version" },
  requestTooLarge: { code: 3, message: "etcdserver: request is too large" },
  rangeStreamSort: { code: 12, message: "RangeStream does not support custom sort orders" },
  rangeStreamFilter: { code: 12, message: "RangeStream does not support revision filters" },

  // Revisions and space.
  compacted: { code: 11, message: "etcdserver: mvcc: required revision has been compacted" },
  futureRevision: { code: 11, message: "etcdserver: mvcc: required revision is a future revision" },
  noSpace: { code: 8, message: "etcdserver: mvcc: database space exceeded" },

  // Leases.
  leaseNotFound: { code: 5, message: "etcdserver: requested lease not found" },
  leaseExists: { code: 9, message: "etcdserver: lease already exists" },
  leaseTtlTooLarge: { code: 11, message: "etcdserver: too large lease TTL" },
  notPrimaryLessor: { code: 2, message: "not a primary lessor" },

  // Members.
  memberNotFound: { code: 5, message: "etcdserver: member not found" },
  memberExists: { code: 9, message: "etcdserver: member ID already exist" },
  peerUrlExists: { code: 9, message: "etcdserver: Peer URLs already exists" },
  invalidMemberUrls: { code: 3, message: "etcdserver: given member URLs are invalid" },
  memberNotLearner: { code: 9, message: "etcdserver: can only promote a learner member" },
  learnerNotReady: { code: 9, message: "etcdserver: can only promote a learner member which is in sync with leader" },
  tooManyLearners: { code: 9, message: "etcdserver: too many learner members in cluster" },
  notEnoughStarted: { code: 2, message: "etcdserver: re-configuration failed due to not enough started members" },
  clusterIdMismatch: { code: 9, message: "etcdserver: cluster ID mismatch" },
  learnerRefuses: { code: 9, message: "etcdserver: rpc not supported for learner" },
  badTransferee: { code: 9, message: "etcdserver: bad leader transferee" },

  // Users and roles.
  rootUserMissing: { code: 9, message: "etcdserver: root user does not exist" },
  rootRoleMissing: { code: 9, message: "etcdserver: root user does not have root role" },
  userExists: { code: 9, message: "etcdserver: user name already exists" },
  userEmpty: { code: 3, message: "etcdserver: user name is empty" },
  userNotFound: { code: 9, message: "etcdserver: user name not found" },
  roleExists: { code: 9, message: "etcdserver: role name already exists" },
  roleNotFound: { code: 9, message: "etcdserver: role name not found" },
  roleEmpty: { code: 3, message: "etcdserver: role name is empty" },
  authFailed: { code: 3, message: "etcdserver: authentication failed, invalid user ID or password" },
  permissionNotGiven: { code: 3, message: "etcdserver: permission not given" },
  permissionDenied: { code: 7, message: "etcdserver: permission denied" },
  roleNotGranted: { code: 9, message: "etcdserver: role is not granted to the user" },
  permissionNotGranted: { code: 9, message: "etcdserver: permission is not granted to the role" },
  authNotEnabled: { code: 9, message: "etcdserver: authentication is not enabled" },
  invalidAuthToken: { code: 16, message: "etcdserver: invalid auth token" },
  invalidAuthManagement: { code: 3, message: "etcdserver: invalid auth management" },
  authOldRevision: { code: 3, message: "etcdserver: revision of auth store is old" },
  noPasswordUser: { code: 2, message: "auth: authentication failed, password was given for no password user" },

  // The cluster cannot answer now.
  noLeader: { code: 14, message: "etcdserver: no leader" },
  notLeader: { code: 9, message: "etcdserver: not leader" },
  leaderChanged: { code: 14, message: "etcdserver: leader changed" },
  notCapable: { code: 9, message: "etcdserver: not capable" },
  stopped: { code: 14, message: "etcdserver: server stopped" },
  timeout: { code: 14, message: "etcdserver: request timed out" },
  timeoutLeaderFailed: { code: 14, message: "etcdserver: request timed out, possibly due to previous leader failure" },
  timeoutConnectionLost: { code: 14, message: "etcdserver: request timed out, possibly due to connection lost" },
  timeoutLeaderTransfer: { code: 2, message: "etcdserver: request timed out, leader transfer took too long" },
  timeoutApply: { code: 14, message: "etcdserver: request timed out, waiting for the applied index took too long" },
  unhealthy: { code: 14, message: "etcdserver: unhealthy cluster" },
  tooManyRequests: { code: 2, message: "etcdserver: too many requests" },
  corrupt: { code: 15, message: "etcdserver: corrupt cluster" },
  watchCanceled: { code: 1, message: "etcdserver: watch canceled" },
  requestCanceled: { code: 1, message: "etcdserver: request canceled" },
  deadlineExceeded: { code: 4, message: "etcdserver: context deadline exceeded" },

  // Downgrades.
  wrongDowngradeFormat: { code: 3, message: "etcdserver: wrong downgrade target version format" },
  invalidDowngrade: { code: 3, message: "etcdserver: invalid downgrade target version" },
  clusterVersionUnavailable: { code: 9, message: "etcdserver: cluster version not found during downgrade" },
  downgradeInProgress: { code: 9, message: "etcdserver: cluster has a downgrade job in progress" },
  noDowngrade: { code: 9, message: "etcdserver: no inflight downgrade job" },

  // Elections.
  electionNoLeader: { code: 2, message: "election: no leader" },
  electionNotLeader: { code: 2, message: "election: not leader" },
  electionLeaderMissing: { code: 2, message: '"leader" field must be provided' },
} as const;

/** Why a watch was refused: not a status but the `cancel_reason` of a response. */
export const WATCH_REFUSALS = {
  duplicateId: "mvcc: duplicate watch ID provided on the WatchStream",
  emptyRange: "mvcc: watcher range is empty",
  compacted: "etcdserver: mvcc: required revision has been compacted",
} as const;

/** A result that may be a failure: responses have no `code`. */
export function isEtcdError(value: object): value is EtcdError {
  return "code" in value;
}
