import { type Figure, formatValue, median } from "../harness/figure.js";

export interface Round {
  readonly perSecond: number;
  /** For a second of the server's own CPU time. */
  readonly perCpuSecond: number;
}

/** What was measured of Strata and, if it ran, of the reference, in turns. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly Round[];
  readonly theirs: readonly Round[] | undefined;
  /** How many times the reference's work per CPU second is wanted. */
  readonly ratio: number | undefined;
}

export function figuresOf({ name, unit, ours, theirs, ratio }: Comparison): Figure[] {
  const figures: Figure[] = [
    { name: `${name}.rate`, value: rateOf(ours), unit: `${unit}/s` },
    { name: `${name}.work`, value: workOf(ours), unit: `${unit} per CPU second` },
  ];
  if (theirs === undefined) return figures;
  return [
    ...figures,
    { name: `${name}.reference.rate`, value: rateOf(theirs), unit: `${unit}/s` },
    { name: `${name}.reference.work`, value: workOf(theirs), unit: `${unit} per CPU second` },
    { name: `${name}.rate.ratio`, value: rateOf(ours) / rateOf(theirs), unit: "×" },
    {
      name: `${name}.work.ratio`,
      value: workOf(ours) / workOf(theirs),
      unit: "×",
      ...(ratio === undefined ? {} : { target: { comparison: "≥", value: ratio } as const }),
    },
  ];
}

/** A line for each: the medians, and the ratio of each round's two, which says how far to trust them. */
export function ratioTable(comparisons: readonly Comparison[]): string[] {
  const rows = comparisons.flatMap(({ name, ours, theirs, ratio }) => {
    if (theirs === undefined) return [];
    const ratios = ours.map((round, i) => round.perCpuSecond / (theirs[i]?.perCpuSecond ?? Number.NaN));
    const cells = [workOf(ours) / workOf(theirs), Math.min(...ratios), Math.max(...ratios)];
    const target = ratio === undefined ? "–" : `≥ ${ratio}`;
    return [[name, workOf(ours).toFixed(0), workOf(theirs).toFixed(0), ...cells.map(formatValue), target]];
  });
  if (rows.length === 0) return [];
  const head = ["work per CPU second", "strata", "reference", "ratio", "min", "max", "target"];
  return [head, ...rows].map(([name = "", ...cells]) =>
    [name.padEnd(28), ...cells.map((cell) => cell.padStart(10))].join(" "),
  );
}

function rateOf(rounds: readonly Round[]): number {
  return median(rounds.map(({ perSecond }) => perSecond));
}

function workOf(rounds: readonly Round[]): number {
  return median(rounds.map(({ perCpuSecond }) => perCpuSecond));
}
