import type { RunEvent } from "../../../src/harness/model/events.ts";
import { OPERATION_CLASSES, type OperationClass, type Plan } from "../../../src/harness/model/plan.ts";
import type { Samples } from "../../../src/harness/model/samples.ts";
import type { Verdict } from "../../../src/harness/model/verdict.ts";

/** What a hostile store could make us print. */
export const HOSTILE = `</script><script>alert(1)</script><!-- "quoted' & <b>bold</b>`;

const S = 1e9;
const SCALE: Readonly<Record<OperationClass, number>> = {
  "get-linearizable": 2,
  "get-serializable": 1,
  put: 6,
  delete: 7,
  update: 6,
  remove: 7,
};

/** The files of a made-up run with a fault from second 16 to 21, every text of it hostile when asked. */
export function exampleRun(text = "cuts n2, the leader, off from its peers"): {
  plan: Plan;
  events: readonly RunEvent[];
  samples: Samples;
  verdict: Verdict;
} {
  return { plan: plan(text), events: events(text), samples: samples(text), verdict: verdict(text) };
}

function plan(text: string): Plan {
  return {
    name: "example",
    description: text,
    target: { kind: "ts" },
    runtime: "process",
    proxy: "auto",
    members: 3,
    logLevel: "info",
    resources: { cpus: null, memoryMegabytes: null, dataMegabytes: null },
    seed: 7,
    keys: { prefix: text, count: 10, distribution: "uniform", valueBytes: 16 },
    clients: { connectionsPerMember: 1, deadlineMs: 1000, watchersPerMember: 1 },
    leases: null,
    kubernetes: null,
    phases: [],
    faults: [],
    checks: ["linearizable"],
  };
}

function events(text: string): readonly RunEvent[] {
  return [
    { atNs: 1 * S, kind: "member-started", member: "n1", pid: 4242 },
    { atNs: 2 * S, kind: "leader", member: "n2", term: 2 },
    { atNs: 5 * S, kind: "phase-started", phase: text },
    { atNs: 16 * S, kind: "fault-injected", fault: "partition", members: ["n2"], description: text },
    { atNs: 17.4 * S, kind: "leader", member: "n3", term: 3 },
    { atNs: 21 * S, kind: "fault-healed", fault: "partition" },
    {
      atNs: 25 * S,
      kind: "member-exited",
      member: "n1",
      code: null,
      signal: "SIGKILL",
      planned: false,
      crashed: false,
    },
    { atNs: 31 * S, kind: "note", text },
    { atNs: 32 * S, kind: "converged", converged: true, revisions: { n1: 812, n2: 812, n3: 812 } },
  ];
}

function samples(text: string): Samples {
  const latency = (scale: number, during: boolean) => ({
    count: 12_000,
    p50Ns: 4e5 * scale,
    p99Ns: during ? 2e9 : 3e6 * scale,
    p999Ns: during ? null : 9e6 * scale,
    maxNs: during ? 2.1e9 : 2e7,
  });
  const classes = (during: boolean) =>
    OPERATION_CLASSES.map((name) => ({
      class: name,
      ok: during ? 3100 : 12_000,
      failed: 0,
      unknown: during && name !== "get-serializable" ? 1700 : 0,
      perSecond: 1080,
      latency: latency(SCALE[name], during && name !== "get-serializable"),
    }));
  const windows = (
    [
      ["before", 5, 16],
      ["during", 16, 21],
      ["after", 21, 31],
    ] as const
  ).map(([name, start, end]) => ({
    name,
    startNs: start * S,
    endNs: end * S,
    classes: classes(name === "during"),
    watchDelivery: latency(3, false),
  }));
  const series = Array.from({ length: 52 }, (_, i) => 5 * S + (i * S) / 2).flatMap((atNs) =>
    OPERATION_CLASSES.map((name) => {
      const cut = atNs >= 16 * S && atNs < 21 * S && name !== "get-serializable";
      const base = name.startsWith("get") ? 540 : name === "put" ? 108 : 12;
      const wobble = 1 + 0.1 * Math.sin(atNs / S + SCALE[name]);
      return {
        atNs,
        class: name,
        ok: Math.round(base * wobble * (cut ? 0.6 : 1)),
        failed: 0,
        unknown: cut ? Math.round(base * 0.4) : 0,
        p50Ns: 4e5 * SCALE[name] * wobble,
        p99Ns: cut ? 1.9e9 : 3e6 * SCALE[name] * wobble,
      };
    }),
  );
  const edgesNs = Array.from({ length: 60 }, (_, i) => 1e5 * 1.2 ** i);
  const distributions = windows.flatMap(({ name }) =>
    OPERATION_CLASSES.map((one) => ({
      window: name,
      class: one,
      edgesNs,
      counts: edgesNs.slice(1).map((_, i) => Math.round(5000 * Math.exp(-((i - 8 - SCALE[one]) ** 2) / 20))),
    })),
  );
  return {
    run: "example",
    command: `faultline run workloads/quickstart.yaml --seed 7 # ${text}`,
    startedAt: "2026-11-22T17:00:00Z",
    durationNs: 33 * S,
    environment: {
      faultlineVersion: "0.1.0",
      target: "etcd-ts 3.7.1",
      proxy: "embedded",
      node: "v20.20.2",
      platform: "linux x64",
      cpu: text,
      cores: 2,
      filesystem: "ext4",
      fsyncP99Ns: 2e6,
      warnings: [text],
    },
    capacity: (["get-serializable", "get-linearizable"] as const).map((name) => ({
      phase: name,
      concurrency: 60,
      classes: classes(false).filter((summary) => summary.class === name),
      serverCpuMicrosPerOperation: 12.5 * SCALE[name],
      clientCpuMicrosPerOperation: 9,
    })),
    windows,
    bucketNs: S / 2,
    series,
    distributions,
    outage: { startNs: 16 * S, endNs: 17.6 * S },
    startLag: latency(1, false),
    unsent: 0,
  };
}

function verdict(text: string): Verdict {
  return {
    run: "example",
    verdict: "valid",
    headline: text,
    exitCode: 0,
    interrupted: false,
    checks: [
      {
        check: "linearizable",
        verdict: "valid",
        summary: text,
        findings: [{ text, operations: [1, 2], atNs: 3 * S }],
        findingsTotal: 25,
        tookMs: 412,
      },
      { check: "watch", verdict: "unknown", summary: "nothing to judge", findings: [], findingsTotal: 0, tookMs: 1 },
    ],
    staleness: [{ window: "during", member: text, reads: 1700, stale: 1650, worstNs: 4.9e9, worstRevisions: 512 }],
    serializableAsLinearizable: "invalid",
  };
}
