import { type Figure, median } from "../harness/figure.js";

export interface Round {
  readonly perSecond: number;
  /** For a second of the server's own CPU time. */
  readonly perCpuSecond: number;
}

/** Of Strata, of the reference if it ran, and how many times the one is the other. */
export function figuresOf(
  name: string,
  unit: string,
  [ours = [], theirs]: readonly (readonly Round[])[],
  ratio: number | undefined,
): Figure[] {
  const rate = (rounds: readonly Round[]): number => median(rounds.map(({ perSecond }) => perSecond));
  const work = (rounds: readonly Round[]): number => median(rounds.map(({ perCpuSecond }) => perCpuSecond));
  const figures: Figure[] = [
    { name: `${name}.rate`, value: rate(ours), unit: `${unit}/s` },
    { name: `${name}.work`, value: work(ours), unit: `${unit} per CPU second` },
  ];
  if (theirs === undefined) return figures;
  return [
    ...figures,
    { name: `${name}.reference.rate`, value: rate(theirs), unit: `${unit}/s` },
    { name: `${name}.reference.work`, value: work(theirs), unit: `${unit} per CPU second` },
    { name: `${name}.rate.ratio`, value: rate(ours) / rate(theirs), unit: "×" },
    {
      name: `${name}.work.ratio`,
      value: work(ours) / work(theirs),
      unit: "×",
      ...(ratio === undefined ? {} : { target: { comparison: "≥", value: ratio } as const }),
    },
  ];
}
