import type { RunEvent } from "../model/events.ts";
import type { Plan } from "../model/plan.ts";
import type { Samples } from "../model/samples.ts";
import type { Verdict } from "../model/verdict.ts";
import { embeddedJson, type Html, html, raw } from "./html.ts";
import type { LeaseEvidence } from "./lease-evidence.ts";
import { leaseSection } from "./lease-section.ts";
import type { RenderedChart } from "./render.ts";
import type { PageScripts } from "./scripts.ts";
import { checks, environment, events, headline, readModes, staleness, tiles, windows } from "./sections.ts";
import { STYLE } from "./style.ts";

/** What a run left behind, as far as the page shows it. */
export interface RunFiles {
  readonly plan: Plan;
  readonly events: readonly RunEvent[];
  readonly samples: Samples;
  readonly verdict: Verdict;
  /** Null: no lease was lost. */
  readonly leases: LeaseEvidence | null;
}

/** The whole report as one file that needs no network: verdict first, then figures, pictures, findings and how to repeat it. */
export function page(run: RunFiles, charts: readonly RenderedChart[], scripts: PageScripts): string {
  const wide = charts.filter(({ chart }) => !chart.id.startsWith("distribution-"));
  const pairs = charts.filter(({ chart }) => chart.id.startsWith("distribution-"));
  const body = html`
${headline(run)}
${tiles(run)}
<main>
${
  run.leases === null
    ? null
    : html`<h2 id="leases">Leases that were lost</h2>
${leaseSection(run.leases)}`
}
<h2 id="reads">The two read modes side by side</h2>
${readModes(run.samples)}
<h2 id="windows">Before, during and after</h2>
${windows(run.samples)}
<h2 id="time">Over time</h2>
<p class="hint">Point at a chart for its figures; drag to pan, shift and wheel to zoom, double click to reset.</p>
${wide.map(figure)}
<div class="pair">${pairs.map(figure)}</div>
<h2 id="staleness">What a serializable read costs: freshness</h2>
${staleness(run.verdict)}
<h2 id="checks">Checks</h2>
${checks(run.verdict)}
<h2 id="events">What happened when</h2>
${events(run.events)}
<h2 id="environment">Where and how</h2>
${environment(run)}
</main>
${charts.map(
  ({ chart, spec }) => html`<script type="application/json" id="spec-${chart.id}">${embeddedJson(spec)}</script>
`,
)}<script type="application/json" id="packed-scripts">${embeddedJson(scripts.packed)}</script>
<script>${raw(scripts.loader)}</script>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${scripts.policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${html`<title>${run.verdict.verdict}: ${run.samples.run}</title>`.markup}
<style>${STYLE}</style>
</head>
<body>${body.markup}
</body>
</html>
`;
}

function figure({ chart, svg }: RenderedChart): Html {
  return html`<figure id="${chart.id}"><h3>${chart.title}</h3><figcaption>${chart.caption}</figcaption>
<div class="chart" data-chart="${chart.id}">${raw(svg)}</div></figure>
`;
}
