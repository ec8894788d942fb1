import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { hex, type MemberId, NO_MEMBER } from "../../base/ids.ts";
import type { LeaseCounts, ServedLeases } from "./lease.ts";
import type { ServedMember } from "./served.ts";
import { SERVER_VERSION } from "./version.ts";

export interface MetricsOptions {
  readonly member: ServedMember;
  /** Null: none. */
  readonly quotaBytes: number | null;
  readonly startedSeconds: number;
}

/** What passes between this member and one other. */
export interface ServedPeer {
  readonly snapshotsSent: number;
  readonly snapshotSendFailures: number;
  readonly snapshotsInFlight: number;
  readonly snapshotsReceived: number;
  readonly snapshotReceiveFailures: number;
}

/** etcd's own bounds for its disk histograms, in seconds. */
const DISK_BUCKETS = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);

/**
 * The Prometheus page under etcd's names. Values are read when the page is asked for; nothing is counted on a request's way but
 * the syncs of the log.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #walSync: Histogram;

  constructor({ member, quotaBytes, startedSeconds }: MetricsOptions) {
    this.#walSync = new Histogram({
      name: "etcd_disk_wal_fsync_duration_seconds",
      help: "The latency distributions of fsync called by WAL.",
      buckets: DISK_BUCKETS,
      registers: [this.#registry],
    });
    this.#process(startedSeconds);
    this.#server(member, quotaBytes);
    this.#store(member);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  walSynced(seconds: number): void {
    this.#walSync.observe(seconds);
  }

  /** Adds those of leases. */
  leases(leases: Pick<ServedLeases, "counts">): void {
    const counted: readonly (readonly [keyof LeaseCounts, string, string])[] = [
      ["granted", "etcd_debugging_lease_granted_total", "The total number of granted leases."],
      ["revoked", "etcd_debugging_lease_revoked_total", "The total number of revoked leases."],
      ["renewed", "etcd_debugging_lease_renewed_total", "The number of renewed leases seen by the leader."],
      ["expired", "etcd_debugging_server_lease_expired_total", "The total number of expired leases."],
    ];
    for (const [key, name, help] of counted) this.#counter(name, help, () => leases.counts[key]);
  }

  /** Adds those of the peers there are when the page is asked for. */
  peers(read: () => ReadonlyMap<MemberId, ServedPeer>): void {
    const counted: readonly (readonly [keyof ServedPeer, "To" | "From", string, string])[] = [
      ["snapshotsSent", "To", "etcd_network_snapshot_send_success", "Total number of successful snapshot sends"],
      ["snapshotSendFailures", "To", "etcd_network_snapshot_send_failures", "Total number of snapshot send failures"],
      [
        "snapshotsInFlight",
        "To",
        "etcd_network_snapshot_send_inflights_total",
        "Total number of inflight snapshot sends",
      ],
      [
        "snapshotsReceived",
        "From",
        "etcd_network_snapshot_receive_success",
        "Total number of successful snapshot receives",
      ],
      [
        "snapshotReceiveFailures",
        "From",
        "etcd_network_snapshot_receive_failures",
        "Total number of snapshot receive failures",
      ],
    ];
    for (const [key, label, name, help] of counted)
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [this.#registry],
        collect() {
          this.reset();
          for (const [peer, counts] of read()) this.set({ [label]: hex(peer) }, counts[key]);
        },
      });
  }

  #process(startedSeconds: number): void {
    this.#counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    this.#gauge("process_resident_memory_bytes", "Resident memory size in bytes.", () => process.memoryUsage.rss());
    this.#gauge("process_start_time_seconds", "Start time of the process since unix epoch.", () => startedSeconds);
  }

  #server(member: ServedMember, quotaBytes: number | null): void {
    const status = (): ServedMember["status"] => member.status;
    this.#gauge("etcd_server_has_leader", "Whether or not a leader exists.", () =>
      status().leader === NO_MEMBER ? 0 : 1,
    );
    this.#gauge("etcd_server_is_leader", "Whether or not this member is a leader.", () =>
      status().role === "leader" ? 1 : 0,
    );
    this.#counter(
      "etcd_server_leader_changes_seen_total",
      "The number of leader changes seen.",
      () => status().leaderChangesTotal,
    );
    this.#gauge(
      "etcd_server_proposals_committed_total",
      "The total number of consensus proposals committed.",
      () => status().commitIndex,
    );
    this.#gauge(
      "etcd_server_proposals_applied_total",
      "The total number of consensus proposals applied.",
      () => status().appliedIndex,
    );
    this.#gauge(
      "etcd_server_proposals_pending",
      "The current number of pending proposals to commit.",
      () => status().proposalsPending,
    );
    this.#counter(
      "etcd_server_proposals_failed_total",
      "The total number of failed proposals seen.",
      () => status().proposalsFailedTotal,
    );
    this.#gauge(
      "etcd_server_quota_backend_bytes",
      "Current backend storage quota size in bytes.",
      () => quotaBytes ?? 0,
    );
    const labels = { server_id: hex(status().identity.member), server_version: SERVER_VERSION };
    this.#label(
      "etcd_server_id",
      "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
      {
        server_id: labels.server_id,
      },
    );
    this.#label("etcd_server_version", "Which version is running. 1 for 'server_version' label with current version.", {
      server_version: labels.server_version,
    });
  }

  #store(member: ServedMember): void {
    const size = (): number => member.status.sizeBytes;
    this.#gauge("etcd_mvcc_db_total_size_in_bytes", "Total size of the underlying database in bytes.", size);
    this.#gauge(
      "etcd_mvcc_db_total_size_in_use_in_bytes",
      "Total size of the database logically in use in bytes.",
      size,
    );
    this.#gauge("etcd_debugging_mvcc_current_revision", "The current revision of store.", () => member.status.revision);
    this.#gauge(
      "etcd_debugging_mvcc_compact_revision",
      "The revision of the last compaction in store.",
      () => member.status.compactedRevision,
    );
    this.#gauge("etcd_debugging_mvcc_watcher_total", "Total number of watchers.", () => member.watches.watcherCount);
    this.#gauge(
      "etcd_debugging_mvcc_watch_stream_total",
      "Total number of watch streams.",
      () => member.watches.streamCount,
    );
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  #counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  #label(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] }).set(labels, 1);
  }
}
