import type { MemberExit } from "./supervisor.ts";

/** A cluster that could not be brought up; the message has the log of whoever did not come up. */
export class LaunchError extends Error {
  override readonly name = "LaunchError";
}

export interface ClusterMember {
  readonly name: string;
  /** URL for clients: through the proxy. */
  readonly clientEndpoint: string;
  /** URL past the proxy: for questions that faults must not touch. */
  readonly directClientEndpoint: string;
  /** Null while it is down. */
  readonly pid: number | null;
  readonly dataDir: string;
}

/** A running cluster, whatever runs it. Made by a runtime (launch.ts). */
export interface Cluster {
  readonly members: readonly ClusterMember[];
  /** Of the Toxiproxy between the members: HTTP API; empty where there is none. Proxies are named by `clientProxy` and `peerProxy` (network.ts). */
  readonly proxyUrl: string;
  /** What it is, for the report. */
  readonly proxyVersion: string;
  /** By the members' own word, asked past the proxies; of several claims the highest term counts. Null: nobody knows one. */
  leader(): Promise<{ readonly member: string; readonly term: number } | null>;
  /** The revision each member has applied; null where it does not answer. */
  revisions(): Promise<Readonly<Record<string, number | null>>>;
  /** Whether the member, asked past the proxies, confirms a read with a quorum in time. */
  servesLinearizable(member: string, timeoutMs: number): Promise<boolean>;
  /** CPU seconds of each member's process since it started; null where they cannot be read. A restart begins at 0 again. */
  cpuSeconds(): Promise<Readonly<Record<string, number | null>>>;
  /** A member's process ended; also the proxy's as "toxiproxy" and the peer dialer's as "peer-dialer", which always count as crashes. */
  onExit(listener: (exit: MemberExit) => void): void;
  /** A member's process was started again. */
  onStart(listener: (member: string, pid: number) => void): void;
  /** SIGKILL; the member stays down until `restart`. */
  kill(member: string): Promise<void>;
  /** Kills it when it runs and starts it on its data. Does not wait until it serves. */
  restart(member: string): Promise<void>;
  /** Freezes the member, or wakes it up; does nothing to one that is down. */
  pause(member: string): Promise<void>;
  resume(member: string): Promise<void>;
  /** Heals all proxies, stops the members, then the proxy. May be called more than once and at any time. */
  stop(): Promise<void>;
  /** SIGKILL to every process, the proxy too, without waiting: for one who is about to exit and cannot `stop`. */
  killAll(): void;
}
