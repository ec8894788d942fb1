/** Columns of text for a terminal: the first left-aligned, the rest right-aligned; a row of one cell is a heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    if (row.length > 1)
      row.forEach((cell, i) => {
        widths[i] = Math.max(widths[i] ?? 0, cell.length);
      });
  return rows
    .map((row) =>
      row.length === 1
        ? (row[0] as string)
        : row
            .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
            .join("  ")
            .trimEnd(),
    )
    .join("\n");
}

const CODES = { bold: 1, red: 31, green: 32, yellow: 33 } as const;

/** Colour where a terminal shows it and nobody asked for none (NO_COLOR). */
export function paint(text: string, colour: keyof typeof CODES): string {
  const wanted = process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
  return wanted ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}
