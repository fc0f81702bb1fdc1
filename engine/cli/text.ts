/** How figures and tables are shown to people. */

const PREFIXES = ["", "K", "M", "G", "T", "P", "E"];

/** `512 B`, `1 KB`, `1.50 GB`: 1024-based, two decimals unless exact, as the reference's tools print it. */
export function bytesText(bytes: number): string {
  const sign = bytes < 0 ? "-" : "";
  const size = Math.abs(bytes);
  let power = 0;
  while (power < PREFIXES.length - 1 && Number(roundedTo(size, power)) >= 1024) power++;
  return `${sign}${roundedTo(size, power)} ${PREFIXES[power]}B`;
}

function roundedTo(size: number, power: number): string {
  const value = size / 1024 ** power;
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

/** `12.34%`; 0 % of nothing. */
export function percentText(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(2)}%`;
}

/** A table with a title, in the reference's form. */
export function titledTable(
  title: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const widths = columnWidths([header, ...rows]);
  const border = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  const inner = border.length - 2;
  const left = Math.max(0, Math.floor((inner - title.length) / 2));
  const heading = `|${(" ".repeat(left) + title).padEnd(inner).slice(0, inner)}|`;
  const top = `+${"-".repeat(inner)}+`;
  return [top, heading, border, line(header), border, ...rows.map(line), border];
}

/** Columns under a header, two spaces apart; numbers to the right. */
export function plainTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = columnWidths([header, ...rows]);
  const isNumeric = header.map((_, i) => rows.every((row) => /^[\d.,%-]*$/.test(row[i] ?? "")));
  return [header, ...rows].map((cells) =>
    cells
      .map((cell, i) => (isNumeric[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return widths;
}

/** JSON for people and programs; 64-bit values as text. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part), 2);
}
