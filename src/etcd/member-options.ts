/** What a member is started with. The world is handed in (clock, storage, transport, trace, chance): the simulator runs these very files. */
import type { Prng } from "../base/prng.ts";
import type { Clock } from "../env/clock.ts";
import type { Trace } from "../env/trace.ts";
import type { ClusterTransport } from "../env/transport.ts";
import type { MemberDecisions } from "./member-decisions.ts";
import type { ClusterMember, Identity, Message } from "./model.ts";
import type { RaftDecisions } from "./raft/decisions.ts";
import type { RaftLimits } from "./raft/state.ts";
import type { MemberStorage } from "./storage.ts";

export interface MemberOptions {
  readonly identity: Identity;
  readonly name: string;
  readonly clientUrls: readonly string[];
  /** Whom the flags or the cluster name, this member among them; counts until the log says who belongs to it. */
  readonly founders: readonly ClusterMember[];
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly requestMaxBytes: number;
  /** Above all that an earlier start may have counted up to from its own, by one a microsecond at most: `wal/start-number`. */
  readonly startNumber: number;
  /** Its failures come to `fail`. */
  readonly storage: MemberStorage;
  readonly clock: Clock;
  readonly transport: ClusterTransport<Message>;
  readonly trace: Trace;
  readonly prng: Prng;
  /** Where they differ from this server's own: small ones meet their ends sooner. */
  readonly raftLimits?: Partial<RaftLimits>;
  /** etcd's --max-learners. Default: any number. */
  readonly learnersMax?: number;
  /** etcd's --snapshot-count: the log is cut after so many entries. Default: 10,000. Like the next two looked at each time. */
  readonly snapshotCount?: number;
  /** etcd's --snapshot-catchup-entries: so many are kept in memory, for followers that lag a little. Default: 5,000. */
  readonly catchUpEntries?: number;
  /** The log is cut after so many bytes of data too, and no more are kept for followers that lag. Default: 64 MiB. */
  readonly logBytes?: number;
  /** etcd's --watch-progress-notify-interval. Default: 10 minutes. */
  readonly watchProgressMs?: number;
  /** Default: the correct ones. A server that is broken on purpose brings others. */
  readonly decisions?: RaftDecisions;
  readonly memberDecisions?: MemberDecisions;
  /** Runs a turn soon: after what has already arrived, before any timer. */
  readonly soon: (turn: () => void) => void;
  /** No promise can be kept any more (D3): end this member. Called at most once; nothing is acknowledged afterwards. */
  readonly failed: (error: Error) => void;
  /** The cluster has removed this member, for good: end it. Called at most once; everything that waited was answered. */
  readonly removed: () => void;
}
