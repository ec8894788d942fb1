/** What is measured, beside what it should be. */
import { formatTable } from "../../../src/commands/table.ts";

export interface Figure {
  readonly section: string;
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** Of Go etcd, measured in the same run; null where there is nothing to compare. */
  readonly theirs: number | null;
  /** Null: there is no target, or it could not be judged; the figure is for the reader. */
  readonly target: Target | null;
}

/** `ratio` is ours to theirs; a limit is for ours alone. */
export type Target =
  | { readonly kind: "ratio-at-most" | "ratio-at-least"; readonly value: number }
  | { readonly kind: "at-most"; readonly value: number };

/** Null: no target, or nothing to compare with. */
export function meets({ ours, theirs, target }: Figure): boolean | null {
  if (target === null) return null;
  if (target.kind === "at-most") return ours <= target.value;
  if (theirs === null) return null;
  return target.kind === "ratio-at-most" ? ours / theirs <= target.value : ours / theirs >= target.value;
}

export function figuresTable(figures: readonly Figure[]): string {
  const rows: string[][] = [["", "unit", "etcd-ts", "Go etcd", "ratio", "target", ""]];
  let section = "";
  for (const figure of figures) {
    if (figure.section !== section) rows.push([`\n${figure.section}`]);
    section = figure.section;
    const { name, unit, ours, theirs, target } = figure;
    const ratio = theirs === null ? "" : (ours / theirs).toFixed(2);
    const met = meets(figure);
    const verdict = met === null ? "" : met ? "pass" : "MISS";
    rows.push([name, unit, show(ours), theirs === null ? "" : show(theirs), ratio, targetText(target), verdict]);
  }
  return formatTable(rows);
}

export function figuresJson(figures: readonly Figure[]): readonly object[] {
  return figures.map((figure) => ({
    ...figure,
    ratio: figure.theirs === null ? null : figure.ours / figure.theirs,
    pass: meets(figure),
  }));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

function targetText(target: Target | null): string {
  if (target === null) return "";
  if (target.kind === "at-most") return `at most ${target.value}`;
  return `${target.kind === "ratio-at-most" ? "<=" : ">="} ${target.value.toFixed(2)}`;
}

function show(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}
