import { Error as ErrorLevel, parse, type Spec, View } from "vega";
import { type Config, compile } from "vega-lite";
import type { Chart } from "./charts.ts";

/** A chart ready for the page: a picture that needs no script, and the specification that a script can bring to life. */
export interface RenderedChart {
  readonly chart: Chart;
  readonly svg: string;
  readonly spec: Spec;
}

/** No colour of its own: text and lines take the page's, so that one picture serves the light and the dark page. */
const CONFIG: Config = {
  background: "transparent",
  font: "system-ui, -apple-system, 'Segoe UI', sans-serif",
  view: { stroke: "transparent" },
  axis: {
    labelColor: "currentColor",
    titleColor: "currentColor",
    domainColor: "currentColor",
    tickColor: "currentColor",
    gridColor: "currentColor",
    domainOpacity: 0.4,
    tickOpacity: 0.4,
    gridOpacity: 0.1,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 500,
  },
  legend: { labelColor: "currentColor", titleColor: "currentColor", labelFontSize: 11 },
  text: { color: "currentColor" },
};

/** Marks that are only there to be pointed at: half of a picture's bytes, and nothing to see without scripts. */
const UNSEEN = /<path[^>]* opacity="0"\/>/g;

/** Compiles Vega-Lite to Vega (the page carries no vega-lite) and draws it without a browser. */
export async function renderChart(chart: Chart): Promise<RenderedChart> {
  const { spec } = compile(chart.spec, { config: CONFIG });
  const view = new View(parse(spec), { renderer: "none", logLevel: ErrorLevel });
  try {
    return { chart, svg: (await view.toSVG()).replace(UNSEEN, ""), spec };
  } finally {
    view.finalize();
  }
}
