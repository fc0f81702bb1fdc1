/** One change of one file: `find` must stand in it exactly once, so that a mutant that has gone stale fails
 * loudly instead of changing nothing. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** What is expected to catch a mutant, cheaply. Paths are of sources. */
export type Catcher =
  /** Test files. */
  | { readonly kind: "tests"; readonly files: readonly string[] }
  /** `npm run sim -- --core --first-seed <first> --seeds <count>`, up to the first that fails. */
  | { readonly kind: "coreSeeds"; readonly first: number; readonly count: number }
  /** The same of whole SCMs. */
  | { readonly kind: "systemSeeds"; readonly first: number; readonly count: number }
  /** `npm run disk-faults -- --only <only> --seed <seed>`. */
  | { readonly kind: "diskFaults"; readonly only: string; readonly seed: number }
  /** `npm run kill9 -- --times <times> --seed <seed>`. */
  | { readonly kind: "kill9"; readonly times: number; readonly seed: number };

/** A known bug, put back into the tree. */
export interface Mutant {
  /** Unique; `--only` takes it. */
  readonly name: string;
  /** What the code does wrong then. */
  readonly bug: string;
  /** Where it is known from: a row of raft.md §15, an item of verification.md §11, a thread elsewhere. */
  readonly source: string;
  readonly edits: readonly Edit[];
  /** Tried in this order. */
  readonly catchers: readonly Catcher[];
  /** All catchers together must not take longer, else it counts as not caught. */
  readonly budgetSeconds: number;
}

export function tests(...files: string[]): Catcher {
  return { kind: "tests", files };
}

/** Seeds from 1 on. */
export function coreSeeds(count: number): Catcher {
  return { kind: "coreSeeds", first: 1, count };
}

/** `file` with the edits of `mutant` that are for it. Throws when a text is not there exactly once. */
export function patched(mutant: Mutant, file: string, text: string): string {
  return mutant.edits
    .filter((edit) => edit.file === file)
    .reduce((before, { find, replace }) => {
      const count = before.split(find).length - 1;
      if (count !== 1)
        throw new Error(`mutant ${mutant.name}: ${file} has its text ${count} times:\n${find}`);
      // A function, since a string would be searched for $ signs.
      return before.replace(find, () => replace);
    }, text);
}
