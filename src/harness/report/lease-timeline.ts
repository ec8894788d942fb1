import { type Html, html, raw } from "./html.ts";
import type { LeaseEvidence } from "./lease-evidence.ts";

const WIDTH = 960;
const LEFT = 70;
const RIGHT = 14;
const LANE = 30;
const BAR = 14;
const LOSSES = 46;
const AXIS = 24;
/** Losses are counted over this much of the width. */
const MARK = 4;
const STEPS_SECONDS: readonly number[] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
const TICKS_MAX = 14;

/** A picture of lanes: one for each member with the time it led and the faults on it, and one with the losses. */
export function leaseTimeline({ members, leaders, faults, lost }: LeaseEvidence): Html {
  const times = [
    ...leaders.map(({ atNs }) => atNs),
    ...faults.flatMap(({ fromNs, toNs }) => [fromNs, toNs ?? fromNs]),
    ...lost.map(({ goneNs }) => goneNs),
  ];
  const endNs = 1.04 * Math.max(1e9, ...times);
  const x = (ns: number): number => Math.round(10 * (LEFT + (ns / endNs) * (WIDTH - LEFT - RIGHT))) / 10;
  const lossTop = members.length * LANE;
  const height = lossTop + LOSSES + AXIS;
  const span = (fromNs: number, toNs: number): string =>
    `x="${x(fromNs)}" width="${Math.max(1, x(toNs) - x(fromNs)).toFixed(1)}"`;
  const bars = leaders.map(({ member, atNs, term }, i) => {
    const y = members.indexOf(member) * LANE + (LANE - BAR) / 2;
    const box = raw(span(atNs, leaders[i + 1]?.atNs ?? endNs));
    return html`<rect ${box} y="${y}" height="${BAR}" rx="3" class="led"><title>${member} leads term ${term}</title></rect>
`;
  });
  const bands = faults.flatMap(({ name, members: hit, fromNs, toNs }) =>
    hit.map((member) => {
      const y = members.indexOf(member) * LANE + 2;
      const box = raw(span(fromNs, toNs ?? endNs));
      return html`<rect ${box} y="${y}" height="${LANE - 4}" class="hit"><title>${name} on ${member}</title></rect>
`;
    }),
  );
  return html`<svg class="lanes" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="leaders, faults and lost leases over time">
${ticks(endNs).map(
  (
    second,
  ) => html`<line x1="${x(second * 1e9)}" x2="${x(second * 1e9)}" y1="0" y2="${lossTop + LOSSES}" class="grid"/><text x="${x(second * 1e9)}" y="${height - 7}" text-anchor="middle">${second} s</text>
`,
)}${members.map(
  (member, i) => html`<text x="${LEFT - 10}" y="${i * LANE + LANE / 2 + 4}" text-anchor="end">${member}</text>
`,
)}<text x="${LEFT - 10}" y="${lossTop + LOSSES - 6}" text-anchor="end">lost</text>
${bands}${bars}${marks(
  lost.map(({ goneNs }) => x(goneNs)),
  lossTop + LOSSES,
)}</svg>`;
}

/** One mark for each stretch of the width in which leases were lost, its height by their number, which stands above it. */
function marks(places: readonly number[], bottom: number): readonly Html[] {
  const counts = new Map<number, number>();
  for (const place of places) {
    const at = Math.floor(place / MARK) * MARK;
    counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  const most = Math.max(1, ...counts.values());
  return [...counts].map(([at, count]) => {
    const height = Math.round(4 + ((LOSSES - 22) * count) / most);
    return html`<rect x="${at}" y="${bottom - height}" width="${MARK - 1}" height="${height}" class="loss"><title>${count} lost</title></rect>
`;
  });
}

function ticks(endNs: number): readonly number[] {
  const seconds = endNs / 1e9;
  const step = STEPS_SECONDS.find((each) => seconds / each <= TICKS_MAX) ?? seconds / TICKS_MAX;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => i * step);
}
