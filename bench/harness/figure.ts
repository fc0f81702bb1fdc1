import { assert } from "../../engine/core/assert.js";
import type { YardstickName, Yardsticks } from "./yardsticks.js";

/** A measured figure and what it must reach (the targets are those of ARCHITECTURE.md "Budgets"). */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Undefined for a figure that is only printed. */
  readonly target?: { readonly comparison: "≤" | "≥"; readonly value: number };
  /** What the figure is made of: it is printed as a multiple of this yardstick, which carries over between
   * machines. */
  readonly yardstick?: YardstickName;
}

/** One line a figure: `figure <name> <value> <unit> target <≤ or ≥><target> met|short`. */
export function figureLine(figure: Figure): string {
  const head = `figure ${figure.name} ${formatValue(figure.value)} ${figure.unit}`;
  if (figure.target === undefined) return `${head} target none`;
  const target = `${figure.target.comparison}${formatValue(figure.target.value)}`;
  return `${head} target ${target} ${isMet(figure) ? "met" : "short"}`;
}

export function isMet(figure: Figure): boolean {
  if (figure.target === undefined) return true;
  const { comparison, value } = figure.target;
  return comparison === "≤" ? figure.value <= value : figure.value >= value;
}

/** The figure as a multiple of its yardstick; for rates, the time of one item counts. */
export function yardstickLine(figure: Figure, yardsticks: Yardsticks): string | undefined {
  if (figure.yardstick === undefined) return undefined;
  const unitNs = nanosecondsOf(figure);
  if (unitNs === undefined) return undefined;
  const stick = yardsticks[figure.yardstick];
  return `  ${figure.name} = ${formatValue(unitNs / stick.ns)} × ${figure.yardstick} (${stick.doc})`;
}

/** Median of an odd number of runs. */
export function median(values: readonly number[]): number {
  assert(values.length % 2 === 1, "a median wants an odd number of runs");
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) / 2] as number;
}

export function formatValue(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 2 : 4;
  return value.toFixed(digits);
}

function nanosecondsOf(figure: Figure): number | undefined {
  switch (figure.unit) {
    case "ns":
      return figure.value;
    case "µs":
      return figure.value * 1e3;
    case "ms":
      return figure.value * 1e6;
    case "s":
      return figure.value * 1e9;
    default:
      return figure.unit.endsWith("/s") ? 1e9 / figure.value : undefined;
  }
}
