import type { Figure } from "./figure.js";

/** What a bench is: a name, a sentence, and a run that prints what it does and answers its figures. */
export interface Bench {
  readonly name: string;
  readonly doc: string;
  run(context: BenchContext): Promise<readonly Figure[]>;
}

export interface BenchContext {
  /** A line above the figures: rates, percentiles, counts, CPU of each thread. */
  print(line: string): void;
  /** A directory that is removed afterwards. */
  readonly directory: string;
  /** `--runs`: of benches that repeat something; undefined = as many as the figure wants. */
  readonly runs?: number | undefined;
  /** `--nodes`, `--containers`: of benches with a fleet; undefined = as the figure wants. */
  readonly nodes?: number | undefined;
  /** On each node. */
  readonly containers?: number | undefined;
  /** `--only`: parts of the bench whose name contains this. */
  readonly only?: string | undefined;
  /** `--with-reference`: runs beside the released SCM, whose jars are in the directory `cache`. */
  readonly reference?: { readonly cache: string } | undefined;
}
