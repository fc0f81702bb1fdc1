import type { Golden } from "./golden.js";
import type { OzoneCluster } from "./ozone-cluster.js";
import type { Keys } from "./site.js";

/** What a step needs around it: an SCM of its own that no program has seen, or that of the steps before it
 * with its datanodes and keys, or a group of three. */
export type Surroundings = "own" | "shared" | "group";

export interface Step {
  /** Of spec 12 §10, where it is there. */
  readonly number?: number;
  readonly name: string;
  /** What it shows. */
  readonly what: string;
  readonly surroundings: Surroundings;
  /** Configuration of the SCM and of all programs, beside what they always have. */
  readonly keys?: Keys;
  run(bench: StepBench): Promise<void>;
}

/** What a step works with. */
export interface StepBench {
  readonly cluster: OzoneCluster;
  readonly golden: Golden;
  /** The SCM is the released one. */
  readonly isReference: boolean;
  /** Prints something worth knowing. */
  note(text: string): void;
  /** One thing that must hold: counted, and printed. When `body` throws, the step goes on after it. */
  check(what: string, body: () => Promise<void> | void): Promise<void>;
}
