#!/usr/bin/env node
/** etcd-ts: flags -> data directory -> log -> listeners -> member -> services, and an orderly end. */
import { randomInt } from "node:crypto";
import { hex, type MemberId, NO_MEMBER } from "../base/ids.ts";
import { Prng } from "../base/prng.ts";
import { nodeClock } from "../env/node/clock.ts";
import type { DirectoryLock } from "../env/node/disk.ts";
import { nodeStreams } from "../env/node/streams.ts";
import { nodeTrace } from "../env/node/trace.ts";
import type { StreamListener } from "../env/streams.ts";
import type { Trace } from "../env/trace.ts";
import { GrpcServer } from "../grpc/server.ts";
import { serveCluster } from "./api/cluster.ts";
import { serveHealth } from "./api/health.ts";
import { serveHttp } from "./api/http.ts";
import { serveKv } from "./api/kv.ts";
import { ClientServer } from "./api/learner.ts";
import { LeaseService } from "./api/lease.ts";
import { LedStreams } from "./api/led-streams.ts";
import { serveMaintenance } from "./api/maintenance.ts";
import { Metrics } from "./api/metrics.ts";
import { CLUSTER_VERSION, SERVER_VERSION } from "./api/version.ts";
import { WatchService } from "./api/watch.ts";
import { keepCollectionsShort } from "./boot/collector.ts";
import { lockDataDirectory, openData } from "./boot/data-directory.ts";
import { codeOf, EnvironmentError, messageOf, storageHint } from "./boot/environment.ts";
import { foundingMember } from "./cluster/members.ts";
import { type Config, type LogLevel, parseConfig } from "./config/config.ts";
import { addressesOf } from "./config/dialling.ts";
import type { Url } from "./config/url.ts";
import { LeaseRequests } from "./lease-requests.ts";
import { Member } from "./member.ts";
import { Membership } from "./membership.ts";
import type { Identity } from "./model.ts";
import { type Description, serveDescription } from "./peer/describe.ts";
import { PeerTransport } from "./peer/transport.ts";
import { Requests } from "./requests.ts";

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
  keepCollectionsShort();
  const { name, dataDir, initialClusterState } = config;
  trace.info("starting etcd-ts", {
    name,
    "etcd-version": SERVER_VERSION,
    "data-dir": dataDir,
    "initial-cluster-state": initialClusterState,
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
  running = await startServer(config, trace);
}

async function startServer(config: Config, trace: Trace): Promise<Running> {
  const lock = await lockDataDirectory(config);
  let synced: (seconds: number) => void = () => {};
  let failed = (error: Error): void => endForStorage(config, error);
  const events = { synced: (seconds: number) => synced(seconds), failed: (error: Error) => failed(error) };
  const { identity, members, storage, startNumber } = await openData(config, events, trace);
  trace.info("local member", { "local-member-id": hex(identity.member), "cluster-id": hex(identity.cluster) });
  const transport = makeTransport(config, identity, trace);
  const member = new Member({
    identity,
    name: config.name,
    clientUrls: config.advertiseClientUrls,
    founders: members,
    heartbeatMs: config.heartbeatMs,
    electionMs: config.electionMs,
    requestMaxBytes: config.requestMaxBytes,
    startNumber,
    snapshotCount: config.snapshotCount,
    watchProgressMs: config.watchProgressMs,
    learnersMax: config.learnersMax,
    catchUpEntries: config.catchUpEntries,
    storage,
    clock: nodeClock,
    transport,
    trace,
    prng: makePrng(),
    soon: (turn) => setImmediate(turn),
    failed: (error) => endForStorage(config, error),
    removed: () => {
      trace.warn("data-dir used by this member must be removed", { "data-dir": config.dataDir });
      void stop().then(() => process.exit(0));
    },
  });
  failed = (error) => member.fail(error);
  const peerServer = makePeerServer(transport, member, trace);
  const { clientServer, watchService, leaseService, metrics } = makeServices(config, member, transport, trace);
  synced = (seconds) => metrics.walSynced(seconds);
  const listeners = [
    ...(await listenAll("listen-peer-urls", config.listenPeerUrls, peerServer)),
    ...(await listenAll("listen-client-urls", config.listenClientUrls, clientServer)),
  ];
  member.start();
  void member.serving.then(() => {
    for (const { text } of config.listenClientUrls) trace.info("serving client traffic insecurely", { address: text });
    trace.info("ready to serve client requests", { "local-member-id": hex(identity.member) });
  });
  const stop = (): Promise<void> =>
    stopServer({ listeners, watchService, leaseService, clientServer, member, peerServer, lock, trace });
  return { stop };
}

interface Parts {
  readonly listeners: readonly StreamListener[];
  readonly watchService: WatchService;
  readonly leaseService: LeaseService;
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
  parts.leaseService.close();
  await parts.clientServer.close(STOP_GRACE_MS);
  await parts.member.stop();
  await parts.peerServer.close(0);
  await parts.lock.release();
  parts.trace.info("closed etcd-ts");
}

// --------------------------------------------------------------------------------------------------------------- start

function endForStorage(config: Config, error: Error): never {
  const what = `the storage in ${config.dataDir} failed, and no promise can be kept: ${error.message}`;
  return end(EXIT_ENVIRONMENT, what + storageHint(config.dataDir, error));
}

function makeTransport(config: Config, identity: Identity, trace: Trace): PeerTransport {
  const { heartbeatMs, electionMs } = config;
  return new PeerTransport({
    identity,
    peerUrls: config.advertisePeerUrls,
    addressesOf: (peer, peerUrls) => addressesOf(config, peer, peerUrls),
    heartbeatMs,
    electionMs,
    network: nodeStreams,
    clock: nodeClock,
    trace,
    prng: makePrng(),
  });
}

function makePeerServer(transport: PeerTransport, member: Member, trace: Trace): GrpcServer {
  const server = new GrpcServer({ trace, clock: nodeClock, maxRequestBytes: PEER_FRAME_MAX_BYTES });
  transport.serve(server);
  serveDescription(server, () => describe(transport, member));
  return server;
}

/** Whose addition is in the log and not decided yet belongs to it too: it may take just that member to decide. */
function describe(transport: PeerTransport, { members }: Member): Description {
  const added = [...transport.peers].filter(([id]) => members.get(id) === null);
  return {
    cluster: members.identity.cluster,
    members: [...members.list(), ...added.map(([id, peerUrls]) => foundingMember(id, peerUrls))],
  };
}

interface Services {
  readonly clientServer: GrpcServer;
  readonly watchService: WatchService;
  readonly leaseService: LeaseService;
  readonly metrics: Metrics;
}

function makeServices(config: Config, member: Member, transport: PeerTransport, trace: Trace): Services {
  const { quotaBytes, requestMaxBytes } = config;
  const maxRequestBytes = requestMaxBytes + GRPC_OVERHEAD_BYTES;
  const clientServer = new ClientServer({ trace, clock: nodeClock, maxRequestBytes }, () => member.isLearner);
  const requests = new Requests(member, quotaBytes);
  const startedSeconds = nodeClock.wallMs() / 1000 - process.uptime();
  const metrics = new Metrics({ member, quotaBytes, startedSeconds });
  serveKv(clientServer, requests);
  const connectedSince = (peer: MemberId): number | null => transport.connectedSinceMs(peer);
  const { strictReconfigCheck: isStrict, learnersMax } = config;
  const membership = new Membership({ member, clock: nodeClock, connectedSince, isStrict, learnersMax });
  serveCluster(clientServer, member, requests, membership);
  serveMaintenance(clientServer, member, requests, quotaBytes);
  serveHealth(clientServer);
  serveHttp(clientServer, member, requests, metrics);
  const leases = new LeaseRequests(member, {
    clock: nodeClock,
    electionMs: config.electionMs,
    spaceRefusal: () => requests.leaseRefusal(),
  });
  const leaseService = new LeaseService(clientServer, leases);
  const hasLeader = (): boolean => member.status.leader !== NO_MEMBER;
  const led = new LedStreams({ clock: nodeClock, electionMs: config.electionMs, hasLeader });
  const watchService = new WatchService(clientServer, member, led);
  metrics.leases(leases);
  metrics.peers(() => transport.counts);
  return { clientServer, watchService, leaseService, metrics };
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

// --------------------------------------------------------------------------------------------------------------- small

/** Members must differ: equal chances would let them campaign at the same moment again and again. */
function makePrng(): Prng {
  return new Prng(randomInt(2 ** 48 - 1));
}

main();
