import type { Recovered } from "../storage/recovered.js";

/** What the host needs to know of a recovery. */
export type RecoveredLog = Pick<
  Recovered,
  "identity" | "floors" | "hardState" | "confState" | "truncated" | "last" | "terms" | "tail"
>;
