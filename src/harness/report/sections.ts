import type { RunEvent } from "../model/events.ts";
import type { OperationClass } from "../model/plan.ts";
import type { ClassSummary, Samples, WindowSummary } from "../model/samples.ts";
import type { CheckResult, StalenessSummary, Verdict, VerdictKind } from "../model/verdict.ts";
import { CLASS_LABELS } from "./class-labels.ts";
import { eventText } from "./event-text.ts";
import { formatCount, formatDuration, formatMicros, formatMoment, formatRate, formatShare } from "./format.ts";
import { type Html, html, raw } from "./html.ts";
import type { RunFiles } from "./page.ts";

const CHECK_LABELS: Readonly<Record<CheckResult["check"], string>> = {
  linearizable: "Linearizable reads and writes",
  serializable: "Serializable reads",
  watch: "Watches",
  converged: "Agreement after the fault",
  lease: "Leases",
  lists: "Lists and compaction",
};

export function headline({ samples, verdict }: RunFiles): Html {
  return html`<header>
${badge(verdict.verdict)} <span class="soft">${samples.run} · ${samples.environment.target} · ${samples.startedAt}</span>
<h1>${verdict.headline}</h1>
${verdict.interrupted ? html`<p class="warning">This run was interrupted; what follows is what it had.</p>` : null}
${samples.environment.warnings.map((text) => html`<p class="warning">${text}</p>`)}
</header>`;
}

function badge(verdict: VerdictKind): Html {
  return html`<span class="badge ${verdict}">${verdict}</span>`;
}

export function tiles({ samples, verdict, events: log }: RunFiles): Html {
  const judged = verdict.checks.filter((check) => check.verdict === "valid").length;
  const worst = verdict.staleness.reduce<StalenessSummary | null>(
    (a, b) => (a === null || b.worstNs > a.worstNs ? b : a),
    null,
  );
  const faults = log.filter((event) => event.kind === "fault-injected").length;
  const tile = (value: string, label: string): Html =>
    html`<div class="tile"><b>${value}</b><span>${label}</span></div>`;
  return html`<div class="tiles">
${tile(`${judged} of ${verdict.checks.length}`, "checks valid")}
${samples.outage === null ? tile("none", `outage seen by writes, ${faults} faults`) : tile(formatDuration(samples.outage.endNs - samples.outage.startNs), "longest time without an acknowledged write, from the fault on")}
${worst === null ? null : tile(formatDuration(worst.worstNs), `worst staleness of a serializable read (${formatCount(worst.worstRevisions)} revisions)`)}
${tile(formatDuration(samples.startLag.p99Ns), "start lag p99: how late the load generator itself was")}
</div>`;
}

export function readModes(samples: Samples): Html {
  const row = (
    label: string,
    cell: (one: OperationClass) => string,
  ): Html => html`<tr><td>${label}</td><td>${cell("get-linearizable")}</td><td>${cell("get-serializable")}</td></tr>
`;
  const capacity = (one: OperationClass) =>
    samples.capacity.find((phase) => phase.classes.some((summary) => summary.class === one && summary.ok > 0));
  const inCapacity = (one: OperationClass) => capacity(one)?.classes.find((summary) => summary.class === one);
  const windowRows = samples.windows.flatMap((window) => {
    const of = (one: OperationClass) => window.classes.find((summary) => summary.class === one);
    return [
      row(`${window.name}: p50 / p99 / p99.9`, (one) => quantiles(of(one))),
      row(`${window.name}: answered`, (one) => answered(of(one))),
    ];
  });
  return html`<p>Capacity is a short closed loop before the fault: the most the cluster does. The rest is open loop at a fixed rate,
from the moment an operation was due. A figure is withheld (–) where too few samples stand behind it.</p>
<div class="scroll"><table><thead><tr><th></th><th>${dot("get-linearizable")}linearizable</th><th>${dot("get-serializable")}serializable</th></tr></thead><tbody>
${row("capacity, closed loop", (one) => rateOf(inCapacity(one)))}
${row("capacity: p50 / p99 / p99.9", (one) => quantiles(inCapacity(one)))}
${row("capacity: server CPU per read, all members", (one) => formatMicros(capacity(one)?.serverCpuMicrosPerOperation ?? null))}
${windowRows}
</tbody></table></div>`;
}

function rateOf(summary: ClassSummary | undefined): string {
  return formatRate(summary?.perSecond ?? 0);
}

function quantiles(summary: ClassSummary | undefined): string {
  if (summary === undefined) return "–";
  const { p50Ns, p99Ns, p999Ns } = summary.latency;
  return [p50Ns, p99Ns, p999Ns].map(formatDuration).join(" / ");
}

function answered(summary: ClassSummary | undefined): string {
  if (summary === undefined) return "–";
  const total = summary.ok + summary.failed + summary.unknown;
  return `${formatShare(summary.ok, total)} of ${formatCount(total)}`;
}

function dot(one: OperationClass): Html {
  return raw(`<span class="dot" style="background:var(--${one})"></span>`);
}

export function windows(samples: Samples): Html {
  if (samples.windows.length === 0) return html`<p>No open-loop phase was measured.</p>`;
  const rows = samples.windows.flatMap((window) => [
    ...window.classes.map((summary, i) => windowRow(window, summary, i === 0)),
    watchRow(window),
  ]);
  return html`<div class="scroll"><table><thead><tr><th>window</th><th class="name">request</th><th>ok/s</th><th>ok</th><th>failed</th><th>unknown</th><th>p50</th><th>p99</th><th>p99.9</th><th>max</th></tr></thead><tbody>
${rows}</tbody></table></div>`;
}

function windowRow(window: WindowSummary, summary: ClassSummary, first: boolean): Html {
  const { p50Ns, p99Ns, p999Ns, maxNs } = summary.latency;
  const name = first ? `${window.name} (${formatDuration(window.endNs - window.startNs)})` : "";
  return html`<tr class="${first ? "group" : ""}"><td>${name}</td><td class="name">${dot(summary.class)}${CLASS_LABELS[summary.class]}</td><td>${formatRate(summary.perSecond)}</td><td>${formatCount(summary.ok)}</td><td>${formatCount(summary.failed)}</td><td>${formatCount(summary.unknown)}</td><td>${formatDuration(p50Ns)}</td><td>${formatDuration(p99Ns)}</td><td>${formatDuration(p999Ns)}</td><td>${formatDuration(maxNs)}</td></tr>
`;
}

function watchRow(window: WindowSummary): Html {
  const { count, p50Ns, p99Ns, p999Ns, maxNs } = window.watchDelivery;
  return html`<tr><td></td><td class="name">watch delivery, from the put's start</td><td></td><td>${formatCount(count)}</td><td></td><td></td><td>${formatDuration(p50Ns)}</td><td>${formatDuration(p99Ns)}</td><td>${formatDuration(p999Ns)}</td><td>${formatDuration(maxNs)}</td></tr>
`;
}

export function staleness(verdict: Verdict): Html {
  if (verdict.staleness.length === 0) return html`<p>No serializable reads were made.</p>`;
  const rows = verdict.staleness.map(
    (one) =>
      html`<tr><td>${one.window}</td><td>${one.member}</td><td>${formatCount(one.reads)}</td><td>${formatCount(one.stale)}</td><td>${formatShare(one.stale, one.reads)}</td><td>${formatDuration(one.stale === 0 ? null : one.worstNs)}</td><td>${formatCount(one.worstRevisions)}</td></tr>
`,
  );
  return html`<p>The run's own serializable reads, judged as if they had been linearizable: ${badge(verdict.serializableAsLinearizable)}.
A read is stale when somebody had already been told of a newer revision before it was asked. Nothing is wrong with that:
it is what a serializable read promises, and what it trades for not needing a quorum.</p>
<div class="scroll"><table><thead><tr><th>window</th><th>member</th><th>reads</th><th>stale</th><th>share</th><th>worst age</th><th>worst revisions</th></tr></thead><tbody>
${rows}</tbody></table></div>`;
}

export function checks(verdict: Verdict): Html {
  return html`${verdict.checks.map(
    (check) => html`<h3>${badge(check.verdict)} ${CHECK_LABELS[check.check]}</h3>
<p>${check.summary} <span class="soft">(${formatDuration(check.tookMs * 1e6)})</span></p>
${findings(check)}`,
  )}`;
}

function findings(check: CheckResult): Html | null {
  if (check.findings.length === 0) return null;
  const hidden = check.findingsTotal - check.findings.length;
  return html`<ul>${check.findings.map(
    (
      finding,
    ) => html`<li>${finding.text}${finding.operations.length > 0 ? html` <span class="soft">operations ${finding.operations.join(", ")} of history.jsonl.gz</span>` : null}</li>
`,
  )}${hidden > 0 ? html`<li class="soft">and ${formatCount(hidden)} more</li>` : null}</ul>`;
}

export function events(log: readonly RunEvent[]): Html {
  const rows = log.map(
    (event) => html`<tr><td>${formatMoment(event.atNs)}</td><td class="text">${eventText(event)}</td></tr>
`,
  );
  return html`<div class="scroll"><table><thead><tr><th>at</th><th class="text">what</th></tr></thead><tbody>
${rows}</tbody></table></div>`;
}

export function environment({ plan, samples }: RunFiles): Html {
  const { environment: where } = samples;
  const rows: readonly (readonly [string, string])[] = [
    ["target", where.target],
    ["proxy", where.proxy],
    ["faultline", where.faultlineVersion],
    ["Node", where.node],
    ["system", where.platform],
    ["processor", `${where.cpu}, ${where.cores} cores`],
    ["data directory", `${where.filesystem}, fsync p99 ${formatDuration(where.fsyncP99Ns)}`],
    [
      "start lag p50 / p99 / max",
      [samples.startLag.p50Ns, samples.startLag.p99Ns, samples.startLag.maxNs].map(formatDuration).join(" / "),
    ],
    ["due but not sent", formatCount(samples.unsent)],
    ["seed", String(plan.seed)],
  ];
  return html`<div class="scroll"><table><tbody>
${rows.map(
  ([name, value]) => html`<tr><td>${name}</td><td class="text">${value}</td></tr>
`,
)}</tbody></table></div>
<p>To repeat this run:</p><pre>${samples.command}</pre>
<details><summary>The plan</summary><pre>${JSON.stringify(plan, null, 2)}</pre></details>`;
}
