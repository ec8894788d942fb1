import type { TopLevelSpec } from "vega-lite";
import type { RunEvent } from "../model/events.ts";
import type { OperationClass } from "../model/plan.ts";
import type { Samples, WindowSummary } from "../model/samples.ts";
import { CLASS_LABELS } from "./class-labels.ts";

/** One picture of the report: what it shows in a sentence, and its Vega-Lite specification. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly spec: TopLevelSpec;
}

const CLASSES = Object.keys(CLASS_LABELS) as OperationClass[];
const COLOUR = {
  domain: CLASSES.map((name) => CLASS_LABELS[name]),
  range: CLASSES.map((name) => `var(--${name})`),
};
const TIME_WIDTH = 860;
const TIME_HEIGHT = 190;

interface FaultSpan {
  readonly fault: string;
  readonly start: number;
  readonly end: number;
}

/** Every chart of a run, in reading order; empty where the run measured nothing in an open loop. */
export function charts(samples: Samples, events: readonly RunEvent[]): readonly Chart[] {
  const first = samples.windows[0];
  const last = samples.windows.at(-1);
  if (first === undefined || last === undefined) return [];
  const span: readonly [number, number] = [first.startNs / 1e9, last.endNs / 1e9];
  const overlay = {
    span,
    labels: labelsOf(samples),
    faults: faultSpans(events, last.endNs),
    leaders: leaderChanges(events, first.startNs, last.endNs),
  };
  return [
    throughput(samples, overlay),
    latency(samples, overlay),
    ...errors(samples, overlay),
    ...distributions(samples),
  ];
}

/** Injected until healed; a fault that was never healed lasts to the end. */
export function faultSpans(events: readonly RunEvent[], endNs: number): readonly FaultSpan[] {
  return events.flatMap((event) => {
    if (event.kind !== "fault-injected") return [];
    const healed = events.find(
      (other) => other.kind === "fault-healed" && other.fault === event.fault && other.atNs >= event.atNs,
    );
    return [{ fault: event.fault, start: event.atNs / 1e9, end: (healed?.atNs ?? endNs) / 1e9 }];
  });
}

function leaderChanges(events: readonly RunEvent[], startNs: number, endNs: number): { at: number; label: string }[] {
  return events.flatMap((event) =>
    event.kind === "leader" && event.atNs >= startNs && event.atNs <= endNs
      ? [{ at: event.atNs / 1e9, label: `${event.member} leads term ${event.term}` }]
      : [],
  );
}

interface Overlay {
  readonly span: readonly [number, number];
  /** Of the run's classes. */
  readonly labels: readonly string[];
  readonly faults: readonly FaultSpan[];
  readonly leaders: readonly { readonly at: number; readonly label: string }[];
}

function timeChart(
  overlay: Overlay,
  y: object,
  layers: readonly object[],
  data: readonly object[],
  symbol: "stroke" | "square" = "stroke",
): TopLevelSpec {
  const time = (field: string): object => ({
    field,
    type: "quantitative",
    title: "seconds since the run began",
    scale: { domain: overlay.span, nice: false, zero: false },
    axis: { tickCount: 12 },
  });
  const spec = {
    width: TIME_WIDTH,
    height: TIME_HEIGHT,
    layer: [
      {
        data: { values: overlay.faults },
        mark: { type: "rect", color: "var(--fault)", opacity: 0.16, clip: true },
        encoding: {
          x: time("start"),
          x2: { field: "end" },
          tooltip: [
            { field: "fault", title: "fault" },
            { field: "start", title: "from", format: ".2f" },
            { field: "end", title: "to", format: ".2f" },
          ],
        },
      },
      {
        data: { values: overlay.leaders },
        mark: { type: "rule", color: "currentColor", strokeDash: [3, 3], opacity: 0.6, clip: true },
        encoding: { x: time("at"), tooltip: [{ field: "label", title: "leader" }] },
      },
      {
        data: { values: overlay.leaders },
        mark: {
          type: "text",
          align: "left",
          baseline: "top",
          dx: 4,
          y: 2,
          color: "currentColor",
          fontSize: 10,
          clip: true,
        },
        encoding: { x: time("at"), text: { field: "label" } },
      },
      { data: { values: data }, encoding: { x: time("at"), y, color: colour(symbol, overlay.labels) }, layer: layers },
    ],
  };
  // Built from plain objects: Vega-Lite's own types do not follow a spec that is put together in parts.
  return spec as unknown as TopLevelSpec;
}

/** Of the classes that the run has. */
function labelsOf(samples: Samples): readonly string[] {
  const present = new Set(samples.series.map((point) => point.class));
  return CLASSES.filter((name) => present.has(name)).map((name) => CLASS_LABELS[name]);
}

/** One colour a class in every chart and run; the legend names those of `values`. */
function colour(symbolType: "stroke" | "square", values: readonly string[], legendColumns = values.length): object {
  return {
    field: "class",
    type: "nominal",
    scale: COLOUR,
    legend: { title: null, orient: "top", symbolType, columns: legendColumns, values },
  };
}

/** Pan by drag and zoom by shift and wheel (the bare wheel scrolls the page); without scripts it does nothing. */
const ZOOM = [
  { name: "zoom", select: { type: "interval", encodings: ["x"], zoom: "wheel![event.shiftKey]" }, bind: "scales" },
];

const TIME_TOOLTIP = [
  { field: "class", title: "request" },
  { field: "at", title: "second", format: ".2f" },
];

function throughput(samples: Samples, overlay: Overlay): Chart {
  const perSecond = 1e9 / samples.bucketNs;
  const data = inSpan(samples, overlay).map((point) => ({
    at: point.atNs / 1e9,
    class: CLASS_LABELS[point.class],
    rate: point.ok * perSecond,
  }));
  const tooltip = [...TIME_TOOLTIP, { field: "rate", title: "ok a second", format: ",.0f" }];
  return {
    id: "throughput",
    title: "Throughput",
    caption:
      "Answered operations a second, by request type and read mode. The load is open: it does not wait for the store.",
    spec: timeChart(
      overlay,
      { field: "rate", type: "quantitative", title: "ok operations/s", axis: { format: ",.0f" } },
      [{ params: ZOOM, mark: { type: "line", strokeWidth: 1.6, clip: true }, encoding: { tooltip } }, points(tooltip)],
      data,
    ),
  };
}

/** Marks too faint to see, there to be pointed at. */
function points(tooltip: readonly object[]): object {
  return { mark: { type: "point", filled: true, size: 40, opacity: 0, clip: true }, encoding: { tooltip } };
}

function latency(samples: Samples, overlay: Overlay): Chart {
  const data = inSpan(samples, overlay).flatMap((point) =>
    (
      [
        ["p50", point.p50Ns],
        ["p99", point.p99Ns],
      ] as const
    ).flatMap(([quantile, ns]) =>
      ns === null ? [] : [{ at: point.atNs / 1e9, class: CLASS_LABELS[point.class], quantile, ms: ns / 1e6 }],
    ),
  );
  const tooltip = [...TIME_TOOLTIP, { field: "quantile" }, { field: "ms", title: "ms", format: ",.2f" }];
  const dash = {
    field: "quantile",
    type: "nominal",
    scale: {
      domain: ["p99", "p50"],
      range: [
        [1, 0],
        [4, 3],
      ],
    },
    legend: { title: null, orient: "top", symbolType: "stroke" },
  };
  return {
    id: "latency",
    title: "Latency",
    caption:
      "From the moment an operation was due to its answer, its error or its deadline, on a logarithmic scale. " +
      "A linearizable read needs a quorum; a serializable one does not.",
    spec: timeChart(
      overlay,
      {
        field: "ms",
        type: "quantitative",
        title: "latency (ms)",
        scale: { type: "log" },
        axis: { tickCount: 5, format: "~g" },
      },
      [
        { params: ZOOM, mark: { type: "line", strokeWidth: 1.6, clip: true }, encoding: { strokeDash: dash, tooltip } },
        points(tooltip),
      ],
      data,
    ),
  };
}

function errors(samples: Samples, overlay: Overlay): readonly Chart[] {
  const perSecond = 1e9 / samples.bucketNs;
  const data = inSpan(samples, overlay).flatMap((point) =>
    point.failed + point.unknown === 0
      ? []
      : [{ at: point.atNs / 1e9, class: CLASS_LABELS[point.class], rate: (point.failed + point.unknown) * perSecond }],
  );
  if (data.length === 0) return [];
  const tooltip = [...TIME_TOOLTIP, { field: "rate", title: "not ok a second", format: ",.0f" }];
  const width = Math.max(1, ((TIME_WIDTH * samples.bucketNs) / 1e9 / (overlay.span[1] - overlay.span[0])) * 0.9);
  return [
    {
      id: "errors",
      title: "Failed or unknown",
      caption:
        "Operations that certainly had no effect and operations whose effect nobody was told, drawn when they were due.",
      spec: timeChart(
        overlay,
        { field: "rate", type: "quantitative", title: "not ok/s", stack: "zero" },
        [{ params: ZOOM, mark: { type: "bar", width, clip: true }, encoding: { tooltip } }],
        data,
        "square",
      ),
    },
  ];
}

const WINDOW_TITLES: Readonly<Record<WindowSummary["name"], string>> = {
  before: "before the fault",
  during: "during the fault",
  after: "after the fault",
};

function distributions(samples: Samples): readonly Chart[] {
  const edges = samples.distributions.flatMap((one) => one.edgesNs.filter((_, i) => (one.counts[i] ?? 0) > 0));
  if (edges.length === 0) return [];
  const domain = [edges.reduce((a, b) => Math.min(a, b)) / 1e6, (edges.reduce((a, b) => Math.max(a, b)) * 1.1) / 1e6];
  return samples.windows.flatMap((window) => {
    const data = samples.distributions.filter((one) => one.window === window.name).flatMap(slowerThan);
    if (data.length === 0) return [];
    const tooltip = [
      { field: "class", title: "request" },
      { field: "ms", title: "slower than (ms)", format: ",.3g" },
      { field: "share", title: "share", format: ".3%" },
    ];
    const spec = {
      width: 330,
      height: 230,
      data: { values: data },
      encoding: {
        x: {
          field: "ms",
          type: "quantitative",
          title: "latency (ms)",
          scale: { type: "log", domain, nice: false },
          axis: { format: "~g", tickCount: 6 },
        },
        y: {
          field: "share",
          type: "quantitative",
          title: "share of operations slower",
          scale: { type: "log", domain: [0.0001, 1] },
          axis: { format: "~%", values: [0.0001, 0.001, 0.01, 0.1, 0.5, 1] },
        },
        color: colour("stroke", labelsOf(samples), 2),
        tooltip,
      },
      layer: [
        { params: ZOOM, mark: { type: "line", interpolate: "step-after", strokeWidth: 1.6, clip: true } },
        { mark: { type: "point", filled: true, size: 30, opacity: 0, clip: true } },
      ],
    };
    return [
      {
        id: `distribution-${window.name}`,
        title: `Latency distribution, ${samples.windows.length === 1 ? "whole phase" : WINDOW_TITLES[window.name]}`,
        caption: "How many operations took longer: 1 % on the left-hand scale is the p99.",
        spec: spec as unknown as TopLevelSpec,
      },
    ];
  });
}

/** The complementary distribution: at each edge, the share of operations at or above it. */
function slowerThan(one: Samples["distributions"][number]): { class: string; ms: number; share: number }[] {
  const total = one.counts.reduce((sum, count) => sum + count, 0);
  let left = total;
  return one.counts.flatMap((count, i) => {
    if (count === 0) return [];
    const share = left / total;
    left -= count;
    return [{ class: CLASS_LABELS[one.class], ms: Math.max((one.edgesNs[i] as number) / 1e6, 0.001), share }];
  });
}

/** Whole columns only: half of one at the end would look like a drop. */
function inSpan(samples: Samples, overlay: Overlay): Samples["series"] {
  const [from, to] = overlay.span;
  return samples.series.filter(
    (point) => point.atNs / 1e9 >= from && (point.atNs + 0.99 * samples.bucketNs) / 1e9 <= to,
  );
}
