import type { OperationClass } from "../harness/model/plan.ts";
import type { ClassSummary, Samples } from "../harness/model/samples.ts";
import type { Verdict, VerdictKind } from "../harness/model/verdict.ts";
import { CLASS_LABELS } from "../harness/report/class-labels.ts";
import { formatCount, formatDuration, formatMicros, formatRate, formatShare } from "../harness/report/format.ts";
import type { LeaseEvidence } from "../harness/report/lease-evidence.ts";
import { leaseLines } from "./lease-text.ts";
import { formatTable, paint } from "./table.ts";

const VERDICT_COLOUR = { valid: "green", invalid: "red", unknown: "yellow" } as const satisfies Record<
  VerdictKind,
  string
>;

/** The start lag above which latencies say more about this machine than about the store (a tenth of the p99 would hide in it). */
const LAG_MAX_NS = 2e6;

/** The verdict and a line for each check. */
export function verdictLines(verdict: Verdict): string[] {
  const title = paint(`VERDICT ${verdict.verdict.toUpperCase()}`, VERDICT_COLOUR[verdict.verdict]);
  const checks = verdict.checks.map((one) => `  ${one.verdict.padEnd(8)} ${one.check.padEnd(13)} ${one.summary}`);
  return [`${title}  ${verdict.headline}`, ...checks];
}

/** What a run prints at its end. */
export function summaryText(
  samples: Samples,
  verdict: Verdict,
  leases: LeaseEvidence | null,
  reportPath: string,
): string {
  const columns = ["", "linearizable get", "serializable get", CLASS_LABELS[writeClass(samples)], "watch delivery"];
  return [
    "",
    ...verdictLines(verdict),
    "",
    formatTable([columns, ...capacityRows(samples), ...windowRows(samples)]),
    "",
    ...outageLines(samples),
    ...stalenessLines(verdict),
    ...(leases === null ? [] : leaseLines(leases)),
    ...samples.environment.warnings.map((text) => `warning  ${text}`),
    ...indicativeLines(samples),
    `report   ${reportPath}`,
    `repeat   ${samples.command}`,
  ].join("\n");
}

function capacityRows(samples: Samples): string[][] {
  const of = (one: OperationClass) =>
    samples.capacity.find((phase) => phase.classes.some((each) => each.class === one && each.ok > 0));
  const cells = (cell: (one: OperationClass) => string) => [cell("get-linearizable"), cell("get-serializable"), "", ""];
  if (samples.capacity.length === 0) return [];
  return [
    [
      "capacity (closed loop)",
      ...cells((one) => formatRate(of(one)?.classes.find((each) => each.class === one)?.perSecond ?? 0)),
    ],
    ["  server CPU a read", ...cells((one) => formatMicros(of(one)?.serverCpuMicrosPerOperation ?? null))],
  ];
}

/** Whose figures stand for writes: of puts, or where there are none of transactions that put. */
function writeClass(samples: Samples): "put" | "update" {
  const has = (one: OperationClass): boolean =>
    samples.windows.some(({ classes }) => classes.some((each) => each.class === one));
  return !has("put") && has("update") ? "update" : "put";
}

function windowRows(samples: Samples): string[][] {
  return samples.windows.flatMap((window) => {
    const of = (one: OperationClass) => window.classes.find((each) => each.class === one);
    const row = (label: string, cell: (summary: ClassSummary) => string, watch: string) => [
      label,
      ...(["get-linearizable", "get-serializable", writeClass(samples)] as const).map((one) => {
        const summary = of(one);
        return summary === undefined ? "" : cell(summary);
      }),
      watch,
    ];
    const delivery = window.watchDelivery;
    return [
      row(
        `${window.name} (${formatDuration(window.endNs - window.startNs)})`,
        (one) => formatRate(one.perSecond),
        formatCount(delivery.count),
      ),
      row("  p50", (one) => formatDuration(one.latency.p50Ns), formatDuration(delivery.p50Ns)),
      row("  p99", (one) => formatDuration(one.latency.p99Ns), formatDuration(delivery.p99Ns)),
      row("  p99.9", (one) => formatDuration(one.latency.p999Ns), formatDuration(delivery.p999Ns)),
      row("  not answered", (one) => formatShare(one.failed + one.unknown, one.ok + one.failed + one.unknown), ""),
    ];
  });
}

function outageLines(samples: Samples): string[] {
  if (samples.outage === null) return [];
  const { startNs, endNs } = samples.outage;
  return [
    `outage   ${formatDuration(endNs - startNs)} without an acknowledged write, from ${(startNs / 1e9).toFixed(1)} s`,
  ];
}

function stalenessLines(verdict: Verdict): string[] {
  return verdict.staleness
    .filter((one) => one.stale > 0 && one.window === "during")
    .map(
      (one) =>
        `stale    ${formatCount(one.stale)} of ${formatCount(one.reads)} serializable reads on ${one.member} during the fault, ` +
        `at worst ${formatDuration(one.worstNs)} and ${formatCount(one.worstRevisions)} revisions behind`,
    );
}

function indicativeLines(samples: Samples): string[] {
  const lag = samples.startLag.p99Ns;
  const noisy = lag !== null && lag > LAG_MAX_NS;
  return [
    ...(noisy
      ? [
          `note     indicative only (start lag p99 ${formatDuration(lag)}): the machine was too busy for exact latencies`,
        ]
      : []),
    ...(samples.unsent > 0
      ? [`note     ${formatCount(samples.unsent)} operations were due but not sent: too many in flight`]
      : []),
  ];
}
