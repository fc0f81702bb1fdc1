import type { WorkerFailure } from "./worker-failure.js";

/** A bug that the front met in a call and lived through: its client has been told that it failed. */
export interface FrontBug {
  readonly protocol: string;
  readonly type: string;
  readonly failure: WorkerFailure;
  /** Bugs since the one that was told before, of any call, which are not told. */
  readonly leftOut: number;
}
