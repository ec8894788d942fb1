/** The page's only style sheet: two palettes, everything else in terms of them. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #ffffff; --ink: #1d2024; --soft: #5b636d; --line: #dfe2e6;
  --get-linearizable: #1f6fd1; --get-serializable: #c2610a; --put: #22845a; --delete: #8a4fb8;
  --update: #0b7a83; --remove: #a8438f;
  --fault: #c8323a; --valid: #1c7c4c; --invalid: #b3261e; --unknown: #8a6100; --badge-ink: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1c2026; --ink: #e6e8eb; --soft: #9aa4af; --line: #323a44;
    --get-linearizable: #6aa9f7; --get-serializable: #f2a154; --put: #5ccb96; --delete: #c79bec;
    --update: #58c6cf; --remove: #ee97d8;
    --fault: #f0676e; --valid: #55c98b; --invalid: #ff8a80; --unknown: #e3b341; --badge-ink: #101215;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 24px 20px 64px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 24px; line-height: 1.3; margin: 8px 0 4px; }
h2 { font-size: 18px; margin: 40px 0 8px; }
h3 { font-size: 15px; margin: 20px 0 2px; }
p { margin: 4px 0 12px; max-width: 75ch; }
.soft { color: var(--soft); }
.badge { display: inline-block; padding: 2px 10px; border-radius: 999px; font-weight: 600; font-size: 13px;
  background: var(--soft); color: var(--badge-ink); white-space: nowrap; }
.badge.valid { background: var(--valid); } .badge.invalid { background: var(--invalid); } .badge.unknown { background: var(--unknown); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; margin: 20px 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.tile b { display: block; font-size: 21px; line-height: 1.3; font-weight: 600; }
.tile span { color: var(--soft); font-size: 13px; }
.warning { border-left: 4px solid var(--unknown); background: var(--card); padding: 8px 12px; margin: 8px 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line);
  font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; color: var(--soft); font-size: 13px; }
td.text, th.text { text-align: left; white-space: normal; min-width: 16em; }
th.name, td.name { text-align: left; }
.facts td { white-space: normal; text-align: left; } .facts td:first-child { width: 34%; min-width: 8em; }
tr:last-child td { border-bottom: 0; }
tr.group td { border-top: 2px solid var(--line); }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 7px; }
figure { margin: 20px 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px 8px; min-width: 0; }
figure h3 { margin: 0; }
figcaption { color: var(--soft); font-size: 13px; margin-bottom: 6px; }
.chart { overflow-x: auto; }
.chart svg { display: block; width: 100%; height: auto; min-width: 640px; max-width: 960px; }
.pair .chart svg { min-width: 300px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 12px; }
.pair figure { margin: 0; }
.hint { display: none; color: var(--soft); font-size: 13px; } .scripted .hint { display: block; }
.tip { position: fixed; pointer-events: none; background: var(--ink); color: var(--page); border-radius: 6px;
  padding: 6px 9px; font-size: 12px; line-height: 1.45; z-index: 9; white-space: pre; }
code, pre { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; overflow-x: auto; }
pre.log { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px; max-height: 480px; overflow-y: auto; }
pre.log b { font-weight: 600; color: var(--soft); }
.lanes text { font-size: 11px; fill: currentColor; } .lanes .grid { stroke: currentColor; opacity: .12; }
.lanes .led { fill: var(--get-linearizable); } .lanes .hit { fill: var(--fault); opacity: .22; } .lanes .loss { fill: var(--fault); }
code { overflow-wrap: anywhere; }
details { margin: 8px 0; } summary { cursor: pointer; }
ul { margin: 4px 0 12px; padding-left: 20px; }
@media print { body { max-width: none; } figure, table { break-inside: avoid; } }
`;
