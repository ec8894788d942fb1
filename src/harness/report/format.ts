/** Figures as people read them, on the page and in the terminal. */

export const WITHHELD = "–";

/** "312 µs", "4.2 ms", "1.25 s"; a dash for null. */
export function formatDuration(ns: number | null): string {
  if (ns === null) return WITHHELD;
  const units: readonly (readonly [number, string])[] = [
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "µs"],
  ];
  for (const [size, unit] of units) if (ns >= size) return `${significant(ns / size)} ${unit}`;
  return `${Math.round(ns)} ns`;
}

/** "14.203 s": a moment of the run. */
export function formatMoment(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}

/** "12,345/s". */
export function formatRate(perSecond: number): string {
  return `${formatCount(perSecond < 100 ? Number(perSecond.toFixed(1)) : Math.round(perSecond))}/s`;
}

export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** A count for each member, "n1 64, n2 0"; one below zero is of a member that does not say. */
export function formatCounts(counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts).map(
    ([name, value]) => `${name} ${value < 0 ? "does not say" : formatCount(value)}`,
  );
  return all.join(", ");
}

export function formatMicros(micros: number | null): string {
  return micros === null ? WITHHELD : `${significant(micros)} µs`;
}

export function formatShare(part: number, whole: number): string {
  if (whole === 0) return WITHHELD;
  const percent = (100 * part) / whole;
  if (percent === 0 || percent === 100) return `${percent} %`;
  return percent < 0.01 ? "<0.01 %" : `${significant(percent)} %`;
}

function significant(value: number): string {
  if (value >= 100) return formatCount(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
