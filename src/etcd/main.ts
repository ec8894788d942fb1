#!/usr/bin/env node
/** etcd-ts: flags -> data directory -> log -> listeners -> member -> services, and an orderly end. */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { hex } from "../base/ids.ts";
import { Prng } from "../base/prng.ts";
import type { Disk, DiskFile } from "../env/disk.ts";
import { nodeClock } from "../env/node/clock.ts";
import { DirectoryInUse, type DirectoryLock, lockDirectory, nodeDisk } from "../env/node/disk.ts";
import { nodeStreams } from "../env/node/streams.ts";
import { nodeTrace } from "../env/node/trace.ts";
import type { StreamListener } from "../env/streams.ts";
import type { Trace } from "../env/trace.ts";
import { GrpcServer } from "../grpc/server.ts";
import { serveCluster } from "./api/cluster.ts";
import { serveHealth } from "./api/health.ts";
import { serveHttp } from "./api/http.ts";
import { serveKv } from "./api/kv.ts";
import { serveMaintenance } from "./api/maintenance.ts";
import { Metrics } from "./api/metrics.ts";
import { CLUSTER_VERSION, SERVER_VERSION } from "./api/version.ts";
import { WatchService } from "./api/watch.ts";
import { BackendError } from "./backend/backend.ts";
import { openLmdbBackend } from "./backend/lmdb.ts";
import { foundingOf } from "./cluster/founding.ts";
import { clusterIdOf, memberIdOf } from "./cluster/ids.ts";
import { foundingMember } from "./cluster/members.ts";
import { type Config, type LogLevel, parseConfig } from "./config/config.ts";
import { addressesOf } from "./config/dialling.ts";
import type { Url } from "./config/url.ts";
import { Member } from "./member.ts";
import type { ClusterMember, Identity } from "./model.ts";
import { PeerTransport } from "./peer/transport.ts";
import { Requests } from "./requests.ts";
import { openStorage, type Storage } from "./storage.ts";
import { WalError } from "./wal/segment.ts";
import { takeStartNumber } from "./wal/start-number.ts";

const EXIT_USAGE = 64;
const EXIT_ENVIRONMENT = 69;
const EXIT_BUG = 70;
const SIGNAL_EXITS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Calls that are under way when the server stops may take so long. */
const STOP_GRACE_MS = 500;
/** What a request may take beside its payload on the wire, as in etcd. */
const GRPC_OVERHEAD_BYTES = 512 * 1024;
/** Appends and forwarded proposals of a member. */
const PEER_FRAME_MAX_BYTES = 256 * 1024 * 1024;

/** The surroundings do not let the server run: one line, exit code 69. */
class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

/** Everything that must be ended, in the order of its end. */
interface Running {
  readonly stop: () => Promise<void>;
}

function main(): void {
  const parsed = parseConfig(process.argv.slice(2), process.env);
  switch (parsed.kind) {
    case "help":
      process.stdout.write(parsed.text);
      return;
    case "version":
      process.stdout.write(
        `etcd Version: ${SERVER_VERSION}\nAPI Version: ${CLUSTER_VERSION}\nNode Version: ${process.version}\n`,
      );
      return;
    case "error":
      end(EXIT_USAGE, parsed.message);
      return;
    case "config": {
      const trace = nodeTrace(levelOf(parsed.config.logLevel));
      for (const warning of parsed.warnings) trace.warn(warning);
      process.on("uncaughtException", (error) => end(EXIT_BUG, `a bug: ${error.stack ?? error.message}`));
      run(parsed.config, trace).catch((error: unknown) => {
        if (error instanceof EnvironmentError) end(EXIT_ENVIRONMENT, error.message);
        else end(EXIT_BUG, `a bug: ${error instanceof Error ? error.stack : String(error)}`);
      });
    }
  }
}

function end(code: number, message: string): never {
  process.stderr.write(`etcd-ts: ${message}\n`);
  process.exit(code);
}

function levelOf(level: LogLevel): Parameters<typeof nodeTrace>[0] {
  return level === "panic" ? "fatal" : level;
}

async function run(config: Config, trace: Trace): Promise<void> {
  const identity = identityOf(config);
  trace.info("starting etcd-ts", {
    name: config.name,
    "etcd-version": SERVER_VERSION,
    "local-member-id": hex(identity.member),
    "cluster-id": hex(identity.cluster),
    "data-dir": config.dataDir,
    pid: process.pid,
  });
  let running: Running | null = null;
  let stopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // The second time, or before there is anything to stop: at once. What was acknowledged is durable anyway.
      if (stopping || running === null) process.exit(SIGNAL_EXITS[signal]);
      stopping = true;
      trace.info("received signal; shutting down", { signal });
      void running.stop().then(() => process.exit(0));
    });
  }
  running = await startServer(config, identity, trace);
}

function identityOf(config: Config): Identity {
  const token = config.initialClusterToken;
  const ids = [...config.initialCluster.values()].map((urls) => memberIdOf(textsOf(urls), token));
  return { cluster: clusterIdOf(ids), member: memberIdOf(config.advertisePeerUrls, token) };
}

async function startServer(config: Config, identity: Identity, trace: Trace): Promise<Running> {
  const lock = await openDataDirectory(config);
  const syncs: { observe: (seconds: number) => void } = { observe: () => {} };
  const disk = timedDisk(nodeDisk(join(config.dataDir, "member")), (seconds) => syncs.observe(seconds));
  let failed = (error: Error): void => endForStorage(config, error);
  const { storage, startNumber } = await openData(config, identity, { disk, failed: (error) => failed(error) }, trace);
  const { transport, peerServer } = makePeers(config, identity, trace);
  const member = new Member({
    identity,
    name: config.name,
    clientUrls: config.advertiseClientUrls,
    founders: foundersOf(config),
    heartbeatMs: config.heartbeatMs,
    electionMs: config.electionMs,
    requestMaxBytes: config.requestMaxBytes,
    startNumber,
    storage,
    clock: nodeClock,
    transport,
    trace,
    prng: makePrng(),
    soon: (turn) => setImmediate(turn),
    failed: (error) => endForStorage(config, error),
  });
  failed = (error) => member.fail(error);
  const { clientServer, watchService, metrics } = makeServices(config, member, trace);
  syncs.observe = (seconds) => metrics.walSynced(seconds);
  const listeners = [
    ...(await listenAll("listen-peer-urls", config.listenPeerUrls, peerServer)),
    ...(await listenAll("listen-client-urls", config.listenClientUrls, clientServer)),
  ];
  member.start();
  void member.serving.then(() => {
    for (const { text } of config.listenClientUrls) trace.info("serving client traffic insecurely", { address: text });
    trace.info("ready to serve client requests", { "local-member-id": hex(identity.member) });
  });
  return { stop: () => stopServer({ listeners, watchService, clientServer, member, peerServer, lock, trace }) };
}

interface Parts {
  readonly listeners: readonly StreamListener[];
  readonly watchService: WatchService;
  readonly clientServer: GrpcServer;
  readonly member: Member;
  readonly peerServer: GrpcServer;
  readonly lock: DirectoryLock;
  readonly trace: Trace;
}

async function stopServer(parts: Parts): Promise<void> {
  await parts.member.leave();
  await Promise.all(parts.listeners.map((listener) => listener.close()));
  parts.watchService.close();
  await parts.clientServer.close(STOP_GRACE_MS);
  await parts.member.stop();
  await parts.peerServer.close(0);
  await parts.lock.release();
  parts.trace.info("closed etcd-ts");
}

// --------------------------------------------------------------------------------------------------------------- start

async function openDataDirectory(config: Config): Promise<DirectoryLock> {
  try {
    return await lockDirectory(config.dataDir);
  } catch (error) {
    if (error instanceof DirectoryInUse)
      throw new EnvironmentError(`${error.message}: stop it, or choose another --data-dir`);
    throw new EnvironmentError(`--data-dir ${config.dataDir} cannot be used: ${messageOf(error)}`);
  }
}

async function openData(
  config: Config,
  identity: Identity,
  { disk, failed }: { readonly disk: Disk; readonly failed: (error: Error) => void },
  trace: Trace,
): Promise<{ readonly storage: Storage; readonly startNumber: number }> {
  const folder = join(config.dataDir, "member");
  try {
    if (config.initialClusterState === "existing" && (await disk.list("wal")).length === 0)
      throw new EnvironmentError(
        `--initial-cluster-state existing, but ${config.dataDir} holds no member: a running cluster cannot be joined yet`,
      );
    const storage = await openStorage({
      disk,
      identity,
      founding: foundingOf(foundersOf(config)),
      clock: nodeClock,
      openBackend: (name) => openLmdbBackend(join(folder, name)),
      failed,
    });
    if (storage.repaired !== null) trace.warn("repaired the torn end of the log", { ...storage.repaired });
    if (storage.existed)
      trace.info("restarting local member", {
        "commit-index": storage.hardState.commit,
        term: storage.hardState.term,
        entries: storage.entries.length,
      });
    return { storage, startNumber: await takeStartNumber(disk, nodeClock.wallMs()) };
  } catch (error) {
    if (error instanceof EnvironmentError) throw error;
    if (error instanceof WalError || error instanceof BackendError || isSystemError(error))
      throw new EnvironmentError(`the log in ${config.dataDir} cannot be used: ${messageOf(error)}`);
    throw error;
  }
}

function endForStorage(config: Config, error: Error): never {
  return end(EXIT_ENVIRONMENT, `the log in ${config.dataDir} failed, and no promise can be kept: ${error.message}`);
}

function makePeers(
  config: Config,
  identity: Identity,
  trace: Trace,
): { transport: PeerTransport; peerServer: GrpcServer } {
  const { heartbeatMs, electionMs } = config;
  const transport = new PeerTransport({
    identity,
    addressesOf: (peer, peerUrls) => addressesOf(config, peer, peerUrls),
    heartbeatMs,
    electionMs,
    network: nodeStreams,
    clock: nodeClock,
    trace,
    prng: makePrng(),
  });
  const peers = foundersOf(config).filter(({ id }) => id !== identity.member);
  transport.setPeers(new Map(peers.map(({ id, peerUrls }) => [id, peerUrls])), new Set());
  const peerServer = new GrpcServer({ trace, clock: nodeClock, maxRequestBytes: PEER_FRAME_MAX_BYTES });
  transport.serve(peerServer);
  return { transport, peerServer };
}

interface Services {
  readonly clientServer: GrpcServer;
  readonly watchService: WatchService;
  readonly metrics: Metrics;
}

function makeServices(config: Config, member: Member, trace: Trace): Services {
  const { quotaBytes, requestMaxBytes } = config;
  const maxRequestBytes = requestMaxBytes + GRPC_OVERHEAD_BYTES;
  const clientServer = new GrpcServer({ trace, clock: nodeClock, maxRequestBytes });
  const requests = new Requests(member, quotaBytes);
  const startedSeconds = nodeClock.wallMs() / 1000 - process.uptime();
  const metrics = new Metrics({ member, quotaBytes, startedSeconds });
  serveKv(clientServer, requests);
  serveCluster(clientServer, member, requests);
  serveMaintenance(clientServer, member, quotaBytes);
  serveHealth(clientServer);
  serveHttp(clientServer, member, requests, metrics);
  return { clientServer, watchService: new WatchService(clientServer, member), metrics };
}

async function listenAll(flag: string, urls: readonly Url[], server: GrpcServer): Promise<readonly StreamListener[]> {
  return Promise.all(
    urls.map(async ({ text, host, port }) => {
      try {
        // As etcd does: the name is the IPv4 loopback, whatever the resolver would put first.
        const address = { host: host === "localhost" ? "127.0.0.1" : host, port };
        return await nodeStreams.listen(address, (stream) => server.accept(stream));
      } catch (error) {
        const hint = codeOf(error) === "EADDRINUSE" ? "the port is in use, choose another" : messageOf(error);
        throw new EnvironmentError(`--${flag}: cannot listen on ${text}: ${hint}`);
      }
    }),
  );
}

function foundersOf(config: Config): readonly ClusterMember[] {
  return [...config.initialCluster.values()].map((urls) =>
    foundingMember(memberIdOf(textsOf(urls), config.initialClusterToken), textsOf(urls)),
  );
}

/** Tells how long each sync of a file took. */
function timedDisk(disk: Disk, observe: (seconds: number) => void): Disk {
  const timed = (file: DiskFile): DiskFile => ({
    size: () => file.size(),
    read: (offset, length) => file.read(offset, length),
    write: (bytes, offset) => file.write(bytes, offset),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    async sync() {
      const startedMs = nodeClock.monotonicMs();
      await file.sync();
      observe((nodeClock.monotonicMs() - startedMs) / 1000);
    },
  });
  return { ...disk, open: async (name, options) => timed(await disk.open(name, options)) };
}

// --------------------------------------------------------------------------------------------------------------- small

/** Members must differ: equal chances would let them campaign at the same moment again and again. */
function makePrng(): Prng {
  return new Prng(randomInt(2 ** 48 - 1));
}

function textsOf(urls: readonly Url[]): readonly string[] {
  return urls.map((url) => url.text);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function isSystemError(error: unknown): boolean {
  return typeof codeOf(error) === "string" && error instanceof Error && "syscall" in error;
}

main();
