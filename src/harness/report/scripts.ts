import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** What the page may run, and nothing else: one script in the page, two that it unpacks. `policy` is the meta CSP with their hashes. */
export interface PageScripts {
  readonly loader: string;
  /** gzip and base64, in the order they run. */
  readonly packed: readonly string[];
  readonly policy: string;
}

/**
 * Unpacks Vega when the pointer first meets a chart and puts a live view in the picture's place. Vega's expressions run in its
 * interpreter: the page allows no eval. Anything that fails leaves the picture as it was.
 */
const LOADER = `"use strict";
(() => {
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  const unpack = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  let loading = null;
  const load = () => (loading ??= (async () => {
    for (const packed of json("packed-scripts")) {
      const script = document.createElement("script");
      script.textContent = await unpack(packed);
      document.head.append(script);
    }
  })());
  let tip = null;
  const tooltip = (handler, event, item, value) => {
    if (value === null || value === undefined || value === "") { tip?.remove(); tip = null; return; }
    if (tip === null) { tip = document.createElement("div"); tip.className = "tip"; document.body.append(tip); }
    tip.textContent = typeof value === "object" ? Object.entries(value).map(([k, v]) => k + ": " + v).join("\\n") : String(value);
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
  };
  const enliven = async (holder) => {
    await load();
    const picture = holder.innerHTML;
    try {
      const runtime = vega.parse(json("spec-" + holder.dataset.chart), null, { ast: true });
      const view = new vega.View(runtime, { expr: vegaExpressions, renderer: "svg", container: holder, hover: true, tooltip });
      await view.runAsync();
      const svg = holder.querySelector("svg");
      if (!svg.getAttribute("viewBox")) svg.setAttribute("viewBox", "0 0 " + svg.getAttribute("width") + " " + svg.getAttribute("height"));
      holder.dataset.live = "true";
    } catch (error) {
      holder.innerHTML = picture;
      console.error(error);
    }
  };
  document.documentElement.classList.add("scripted");
  for (const holder of document.querySelectorAll("[data-chart]"))
    holder.addEventListener("pointerenter", () => enliven(holder), { once: true });
})();
`;

/** Reads Vega's browser build and its interpreter from the installed packages. */
export function pageScripts(): PageScripts {
  const vega = readFileSync(fileURLToPath(new URL("vega.min.js", import.meta.resolve("vega"))), "utf8");
  const interpreter = asClassicScript(readFileSync(fileURLToPath(import.meta.resolve("vega-interpreter")), "utf8"));
  const hashes = [LOADER, vega, interpreter].map(
    (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`,
  );
  return {
    loader: LOADER,
    packed: [vega, interpreter].map((text) => gzipSync(text, { level: 9 }).toString("base64")),
    policy: `default-src 'none'; script-src ${hashes.join(" ")}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`,
  };
}

/** The interpreter ships as a module that imports from vega-util, which Vega's browser build carries under the global `vega`. */
function asClassicScript(module: string): string {
  const script = module
    .replace(/^import (\{[^}]*\}) from 'vega-util';$/m, "const $1 = vega;")
    .replace(/^export \{ (\w+) as expressionInterpreter \};$/m, "globalThis.vegaExpressions = $1;")
    .replace(/^\/\/# sourceMappingURL=.*$/m, "");
  if (!script.includes("vegaExpressions") || /^(import|export)\b/m.test(script))
    throw new Error("the installed vega-interpreter is built in a way the report does not know");
  return `(() => {\n${script}\n})();\n`;
}
