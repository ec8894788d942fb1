import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { writeEvents, writePlan, writeSamples, writeVerdict } from "../../../src/harness/history/run-files.ts";
import { charts } from "../../../src/harness/report/charts.ts";
import { formatDuration, formatRate, formatShare } from "../../../src/harness/report/format.ts";
import { embeddedJson, html } from "../../../src/harness/report/html.ts";
import { writeReport } from "../../../src/harness/report/write.ts";
import { chromiumPath, Page } from "../../support/chromium.ts";
import { exampleRun, HOSTILE } from "./example.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function report(text = exampleRun().verdict.headline): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "faultline-report-"));
  folders.push(folder);
  const run = exampleRun(text);
  writePlan(folder, run.plan);
  writeEvents(folder, run.events);
  writeSamples(folder, run.samples);
  writeVerdict(folder, run.verdict);
  return await writeReport(folder);
}

test("a template escapes every value that is not Html", () => {
  assert.equal(html`<p>${HOSTILE}</p>`.markup.includes("<script>"), false);
  assert.equal(html`<p>${"a&b"} ${3} ${null} ${html`<b>${"<"}</b>`}</p>`.markup, "<p>a&amp;b 3  <b>&lt;</b></p>");
  assert.equal(embeddedJson({ a: HOSTILE }).markup.includes("<"), false);
  assert.deepEqual(JSON.parse(embeddedJson({ a: `${HOSTILE}\u2028` }).markup), { a: `${HOSTILE}\u2028` });
});

test("hostile keys, values and log lines stay text: the page's script elements are ours and end where we ended them", async () => {
  const page = readFileSync(await report(HOSTILE), "utf8");
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(page)?.[1] ?? "";
  assert.ok(policy.startsWith("default-src 'none'; script-src 'sha256-"), policy);
  assert.equal(/unsafe-eval|script-src[^;]*unsafe-inline/.test(policy), false);
  const scripts = [...page.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)];
  assert.equal(scripts.length, page.split("<script").length - 1, "each element has its own end");
  for (const [, attributes, text] of scripts) {
    if (attributes?.includes("application/json")) {
      JSON.parse(text as string);
      assert.equal(text?.includes("<"), false);
    } else {
      const hash = createHash("sha256")
        .update(text as string)
        .digest("base64");
      assert.ok(policy.includes(`'sha256-${hash}'`), "an executable script without its hash in the policy");
    }
  }
  assert.equal(/<script>alert|<b>bold/.test(page), false);
});

test("every chart stands in the page as a picture in the page's own colours", async () => {
  const page = readFileSync(await report(), "utf8");
  const run = exampleRun();
  const all = charts(run.samples, run.events);
  assert.deepEqual(
    all.map((chart) => chart.id),
    ["throughput", "latency", "errors", "distribution-before", "distribution-during", "distribution-after"],
  );
  for (const { id } of all) {
    const picture = new RegExp(`data-chart="${id}"><svg[\\s\\S]*?</svg>`).exec(page)?.[0] ?? "";
    assert.ok(picture.includes("var(--get-serializable)"), `${id} draws its classes`);
    assert.ok(picture.includes("currentColor"), `${id} takes the page's ink`);
    assert.equal(/="(black|#000|#000000)"/.test(picture), false, `${id} has no colour of its own`);
    assert.ok(page.includes(`id="spec-${id}"`));
  }
  assert.ok(page.length < 900_000, `the page stays small (${page.length})`);
});

test("figures are rounded for people and withheld when absent", () => {
  assert.equal(formatDuration(null), "–");
  assert.equal(formatDuration(312_400), "312 µs");
  assert.equal(formatDuration(4_210_000), "4.21 ms");
  assert.equal(formatDuration(1_254_000_000), "1.25 s");
  assert.equal(formatRate(12345.6), "12,346/s");
  assert.equal(formatShare(1, 1_000_000), "<0.01 %");
  assert.equal(formatShare(0, 0), "–");
});

const browser = chromiumPath();
test("Chromium opens the report from disk without a complaint, and a chart comes alive under the pointer", {
  skip: browser === null ? "no Chromium on this machine (Debian package chromium)" : false,
}, async () => {
  const path = await report(HOSTILE);
  const page = new Page(browser as string);
  try {
    await page.open(pathToFileURL(path).href, { width: 1280, height: 900, dark: false });
    assert.equal(await page.evaluate("document.querySelectorAll('.chart svg').length"), 6);
    await page.evaluate("document.querySelector('#throughput .chart').scrollIntoView({ block: 'center' })");
    const box = (await page.evaluate(
      "(({ x, y, width, height }) => ({ x, y, width, height }))(document.querySelector('#throughput .chart').getBoundingClientRect())",
    )) as { x: number; y: number; width: number; height: number };
    await page.movePointer(box.x + box.width * 0.5, box.y + box.height * 0.5);
    await page.until("document.querySelector('#throughput [data-live=true] svg') !== null");
    await page.movePointer(box.x + box.width * 0.51, box.y + box.height * 0.5);
    await page.until("document.querySelector('.tip') !== null");
    assert.deepEqual(page.complaints, []);
    const shots = process.env["FAULTLINE_SCREENSHOTS"];
    if (shots !== undefined) writeFileSync(join(shots, "report-live.png"), await page.screenshot());
  } finally {
    await page.close();
  }
});
