import type { Context } from "./context.ts";

/** A table as etcdctl draws it: titles in the middle, cells to the right. */
export function printTable(context: Context, titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const draw = (cells: readonly string[], align: (text: string, width: number) => string): string =>
    `|${widths.map((width, i) => ` ${align(cells[i] ?? "", width)} `).join("|")}|`;
  context.line(rule);
  context.line(draw(titles, centre));
  context.line(rule);
  for (const row of rows) context.line(draw(row, (text, width) => text.padStart(width)));
  if (rows.length > 0) context.line(rule);
}

function centre(text: string, width: number): string {
  const left = Math.floor((width - text.length) / 2);
  return " ".repeat(left) + text.padEnd(width - left);
}
