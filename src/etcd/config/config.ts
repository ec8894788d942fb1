/** etcd's flags and environment -> one Config, or a sentence that says what is wrong, where, and what to do. */
import { parseDurationMs } from "../../base/duration.ts";
import { ConfigError, type FlagTable, type FlagValues, readFlags, variableOf } from "./flags.ts";
import { parseListenUrls, parseUrl, parseUrls, type Url } from "./url.ts";

export interface Config {
  readonly name: string;
  readonly dataDir: string;
  readonly listenPeerUrls: readonly Url[];
  readonly listenClientUrls: readonly Url[];
  readonly advertisePeerUrls: readonly string[];
  readonly advertiseClientUrls: readonly string[];
  /** Peer URLs of the founders by name, this member's own among them. */
  readonly initialCluster: ReadonlyMap<string, readonly Url[]>;
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly logLevel: LogLevel;
  /** Where to dial a member instead of at its peer URLs (D7), by its name in `initialCluster`, by one of those URLs, or by its id. */
  readonly peerDialOverrides: ReadonlyMap<string, Url>;
  /** Whether changes of the membership that would endanger the quorum are refused. */
  readonly strictReconfigCheck: boolean;
  readonly learnersMax: number;
  /** The log is cut after so many entries. */
  readonly snapshotCount: number;
  /** Entries kept behind the cut, for followers that lag a little. */
  readonly catchUpEntries: number;
  /** Null: no quota. */
  readonly quotaBytes: number | null;
  readonly requestMaxBytes: number;
  /** What was applied goes into the store's file after so long, or so many operations. */
  readonly backendCommitMs: number;
  readonly backendOperationsMax: number;
  /** How often watchers that asked for it and were sent nothing are told how far they are. */
  readonly watchProgressMs: number;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error", "panic", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type ConfigResult =
  | { readonly kind: "config"; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version" }
  | { readonly kind: "error"; readonly message: string };

const DEFAULT_PEER_URLS = "http://localhost:2380";
const DEFAULT_CLIENT_URLS = "http://localhost:2379";
const DEFAULT_QUOTA_BYTES = 2 * 1024 ** 3;
const DEFAULT_REQUEST_MAX_BYTES = 1.5 * 1024 ** 2;
const DEFAULT_SNAPSHOT_COUNT = 10_000;
const DEFAULT_CATCH_UP_ENTRIES = 5_000;
const DEFAULT_WATCH_PROGRESS_MS = 600_000;
const WATCH_PROGRESS_MIN_MS = 100;
const DEFAULT_BATCH_INTERVAL_MS = 100;
const DEFAULT_BATCH_LIMIT = 2500;
const ELECTION_MAX_MS = 50_000;
const TICKS_PER_ELECTION_MIN = 5;

const FLAGS = {
  name: { placeholder: "NAME", help: "this member's name (default)" },
  "data-dir": { placeholder: "DIR", help: "where its data lies (NAME.etcd)" },
  "listen-peer-urls": { placeholder: "URL,...", help: `where it listens for members (${DEFAULT_PEER_URLS})` },
  "listen-client-urls": { placeholder: "URL,...", help: `where it listens for clients (${DEFAULT_CLIENT_URLS})` },
  "initial-advertise-peer-urls": { placeholder: "URL,...", help: `where members reach it (${DEFAULT_PEER_URLS})` },
  "advertise-client-urls": { placeholder: "URL,...", help: `where clients reach it (${DEFAULT_CLIENT_URLS})` },
  "initial-cluster": { placeholder: "NAME=URL,...", help: "every founder with its peer URLs (this member alone)" },
  "initial-cluster-state": { placeholder: "new|existing", help: "whether it founds the cluster or joins one (new)" },
  "initial-cluster-token": { placeholder: "TOKEN", help: "tells clusters with equal URLs apart (etcd-cluster)" },
  "heartbeat-interval": { placeholder: "MS", help: "between a leader's heartbeats (100)" },
  "election-timeout": { placeholder: "MS", help: "without a leader before an election, at least 5 heartbeats (1000)" },
  "strict-reconfig-check": {
    placeholder: "BOOL",
    help: "refuse changes of members that would lose the quorum (true)",
    isSwitch: true,
  },
  "max-learners": { placeholder: "N", help: "learners at a time (1)" },
  "snapshot-count": { placeholder: "N", help: `entries after which the log is cut (${DEFAULT_SNAPSHOT_COUNT})` },
  "snapshot-catchup-entries": {
    placeholder: "N",
    help: `entries kept behind the cut (${DEFAULT_CATCH_UP_ENTRIES})`,
  },
  "quota-backend-bytes": { placeholder: "BYTES", help: "refuse writes above this size; 0: 2 GiB, negative: never (0)" },
  "watch-progress-notify-interval": {
    placeholder: "DURATION",
    help: "how often idle watchers that asked for it are told the progress, at least 100ms (10m)",
  },
  // Its name before etcd 3.6.
  "experimental-watch-progress-notify-interval": {
    placeholder: "DURATION",
    help: "the same",
  },
  "backend-batch-interval": {
    placeholder: "DURATION",
    help: "how long what was applied may wait for the store's file (100ms)",
  },
  "backend-batch-limit": { placeholder: "N", help: `operations that wait for it at most (${DEFAULT_BATCH_LIMIT})` },
  "max-request-bytes": { placeholder: "BYTES", help: "largest request (1572864)" },
  "log-level": { placeholder: "LEVEL", help: `${LOG_LEVELS.join(", ")} (info)` },
  "peer-dial-override": {
    placeholder: "MEMBER=URL,...",
    help: "dial members, given by name, peer URL or id, there instead; may be repeated",
  },
} as const satisfies FlagTable;
type Flag = keyof typeof FLAGS;

/** `argv` without node and script. Never touches the system. */
export function parseConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): ConfigResult {
  if (argv.some((word) => /^--?(help|h)$/.test(word))) return { kind: "help", text: helpText() };
  if (argv.some((word) => /^--?version$/.test(word))) return { kind: "version" };
  try {
    const flags = readFlags(FLAGS, argv, env);
    return { kind: "config", config: buildConfig(flags), warnings: flags.warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { kind: "error", message: error.message };
    throw error;
  }
}

function buildConfig({ values }: FlagValues): Config {
  const text = (flag: Flag, otherwise: string): string => values.get(flag)?.at(-1) ?? otherwise;
  const name = text("name", "default");
  if (!/^[^=,\s]+$/.test(name)) throw new ConfigError(`--name: "${name}" must have no space, comma or "="`);
  if (values.has("listen-client-urls") && !values.has("advertise-client-urls"))
    throw new ConfigError("--advertise-client-urls is required when --listen-client-urls is set explicitly");
  const advertisePeerUrls = parseUrls(
    "initial-advertise-peer-urls",
    text("initial-advertise-peer-urls", DEFAULT_PEER_URLS),
  );
  const ownEntry = advertisePeerUrls.map((url) => `${name}=${url.text}`).join(",");
  const initialCluster = parseNamedUrls("initial-cluster", text("initial-cluster", ownEntry));
  checkOwnEntry(name, initialCluster, advertisePeerUrls);
  const overrides = parseNamedUrls("peer-dial-override", (values.get("peer-dial-override") ?? []).join(","));
  const heartbeatMs = positive("heartbeat-interval", text("heartbeat-interval", "100"));
  return {
    name,
    // An empty value is etcd's default too: nobody means a directory without a name.
    dataDir: text("data-dir", "") || `${name}.etcd`,
    listenPeerUrls: parseListenUrls("listen-peer-urls", text("listen-peer-urls", DEFAULT_PEER_URLS)),
    listenClientUrls: parseListenUrls("listen-client-urls", text("listen-client-urls", DEFAULT_CLIENT_URLS)),
    advertisePeerUrls: advertisePeerUrls.map((url) => url.text),
    advertiseClientUrls: parseUrls("advertise-client-urls", text("advertise-client-urls", DEFAULT_CLIENT_URLS)).map(
      (url) => url.text,
    ),
    initialCluster,
    initialClusterState: oneOf("initial-cluster-state", text("initial-cluster-state", "new"), ["new", "existing"]),
    initialClusterToken: text("initial-cluster-token", "etcd-cluster"),
    heartbeatMs,
    electionMs: parseElectionMs(text("election-timeout", "1000"), heartbeatMs),
    logLevel: oneOf("log-level", text("log-level", "info"), LOG_LEVELS),
    peerDialOverrides: singleUrls(overrides, initialCluster),
    strictReconfigCheck: bool("strict-reconfig-check", text("strict-reconfig-check", "true")),
    learnersMax: positive("max-learners", text("max-learners", "1")),
    snapshotCount: positive("snapshot-count", text("snapshot-count", String(DEFAULT_SNAPSHOT_COUNT))),
    catchUpEntries: positive(
      "snapshot-catchup-entries",
      text("snapshot-catchup-entries", String(DEFAULT_CATCH_UP_ENTRIES)),
    ),
    quotaBytes: parseQuota(text("quota-backend-bytes", "0")),
    requestMaxBytes: positive("max-request-bytes", text("max-request-bytes", String(DEFAULT_REQUEST_MAX_BYTES))),
    // 0: the default, as in etcd.
    backendCommitMs:
      duration("backend-batch-interval", text("backend-batch-interval", "0")) || DEFAULT_BATCH_INTERVAL_MS,
    backendOperationsMax: parseLimit("backend-batch-limit", text("backend-batch-limit", "0")),
    watchProgressMs: watchProgressMs(values),
  };
}

/** `a=http://...,b=http://...`; a name that repeats has several URLs. */
function parseNamedUrls(flag: Flag, text: string): Map<string, readonly Url[]> {
  const result = new Map<string, readonly Url[]>();
  for (const part of text.split(",").filter((item) => item.trim() !== "")) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(equals, 0)).trim();
    if (name === "") throw new ConfigError(`--${flag}: "${part}" is not of the form NAME=http://HOST:PORT`);
    result.set(name, [...(result.get(name) ?? []), parseUrl(flag, part.slice(equals + 1).trim())]);
  }
  return result;
}

function checkOwnEntry(name: string, cluster: ReadonlyMap<string, readonly Url[]>, advertised: readonly Url[]): void {
  const entry = cluster.get(name);
  if (entry === undefined)
    throw new ConfigError(`--initial-cluster has no entry for --name ${name}: add ${name}=${advertised[0]?.text}`);
  const missing = advertised.find((url) => !entry.some((other) => other.text === url.text));
  if (missing !== undefined)
    throw new ConfigError(`--initial-cluster lacks ${name}=${missing.text}, which --initial-advertise-peer-urls names`);
  const extra = entry.find((url) => !advertised.some((other) => other.text === url.text));
  if (extra !== undefined)
    throw new ConfigError(
      `--initial-advertise-peer-urls lacks ${extra.text}, which --initial-cluster names for ${name}`,
    );
  const seen = new Map<string, string>();
  for (const [owner, urls] of cluster) {
    for (const { text } of urls) {
      const other = seen.get(text);
      if (other !== undefined) throw new ConfigError(`--initial-cluster: ${other} and ${owner} share the URL ${text}`);
      seen.set(text, owner);
    }
  }
}

function singleUrls(
  overrides: ReadonlyMap<string, readonly Url[]>,
  cluster: ReadonlyMap<string, readonly Url[]>,
): ReadonlyMap<string, Url> {
  const result = new Map<string, Url>();
  for (const [name, urls] of overrides) {
    if (!cluster.has(name) && !name.includes("://") && !/^[0-9a-f]{15,16}$/.test(name))
      throw new ConfigError(`--peer-dial-override: --initial-cluster has no member ${name}`);
    if (urls.length > 1) throw new ConfigError(`--peer-dial-override: ${name} has more than one URL`);
    result.set(name, urls[0] as Url);
  }
  return result;
}

function parseElectionMs(text: string, heartbeatMs: number): number {
  const electionMs = positive("election-timeout", text);
  if (electionMs < TICKS_PER_ELECTION_MIN * heartbeatMs)
    throw new ConfigError(
      `--election-timeout ${electionMs} must be at least ${TICKS_PER_ELECTION_MIN} times --heartbeat-interval ${heartbeatMs}`,
    );
  if (electionMs > ELECTION_MAX_MS)
    throw new ConfigError(`--election-timeout ${electionMs} must be at most ${ELECTION_MAX_MS} ms`);
  return electionMs;
}

function parseQuota(text: string): number | null {
  const bytes = integer("quota-backend-bytes", text);
  if (bytes < 0) return null;
  return bytes === 0 ? DEFAULT_QUOTA_BYTES : bytes;
}

/** 0: the default, as in etcd. */
function parseLimit(flag: Flag, text: string): number {
  return text === "0" ? DEFAULT_BATCH_LIMIT : positive(flag, text);
}

function positive(flag: Flag, text: string): number {
  const value = integer(flag, text);
  if (value <= 0) throw new ConfigError(`--${flag}: "${text}" must be above 0`);
  return value;
}

/** By either of its names; too short is as short as allowed, and 0 the default, as in etcd. */
function watchProgressMs(values: FlagValues["values"]): number {
  const names = ["experimental-watch-progress-notify-interval", "watch-progress-notify-interval"] as const;
  const given = names.filter((name) => values.has(name));
  if (given.length > 1) throw new ConfigError(`both --${given.join(" and --")} are set: leave one out`);
  const [name = names[1]] = given;
  const intervalMs = duration(name, values.get(name)?.at(-1) ?? "0");
  return intervalMs === 0 ? DEFAULT_WATCH_PROGRESS_MS : Math.max(intervalMs, WATCH_PROGRESS_MIN_MS);
}

/** As Go writes them, not below 0. In milliseconds. */
function duration(flag: Flag, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === null) throw new ConfigError(`--${flag}: "${text}" is not a duration like 500ms, 1.5s or 1h30m`);
  return ms;
}

/** As Go reads them. */
function bool(flag: Flag, text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw new ConfigError(`--${flag}: "${text}" is neither true nor false`);
}

function integer(flag: Flag, text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new ConfigError(`--${flag}: "${text}" is not a whole number`);
  return value;
}

function oneOf<Choice extends string>(flag: Flag, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) throw new ConfigError(`--${flag}: "${text}" is none of ${choices.join(", ")}`);
  return choice;
}

function helpText(): string {
  const rows = Object.entries(FLAGS).map(
    ([flag, { placeholder, help }]) => [`--${flag}=${placeholder}`, help] as const,
  );
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    "Usage: etcd-ts [flags]",
    "",
    "An etcd v3 server. Flags take one dash or two, and = or a space before the value.",
    `Each can also come from the environment: --data-dir from ${variableOf("data-dir")}.`,
    "",
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    "",
  ].join("\n");
}
