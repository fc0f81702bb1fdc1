import type { IdRange } from "../fleet/plan.js";
import type { Histogram } from "../harness/histogram.js";

/** A load that runs in a process of its own, so that its CPU is not the SCM's. */
export type LoadRequest =
  | {
      readonly kind: "heartbeat";
      readonly endpoint: string;
      readonly connections: number;
      readonly seconds: number;
    }
  | {
      readonly kind: "suppress";
      /** Of one SCM, or of all members of a group. */
      readonly endpoints: readonly string[];
      readonly clients: number;
      readonly seconds: number;
      /** Ids are drawn evenly from this range, both ends included. */
      readonly firstId: number;
      readonly lastId: number;
      readonly seed: number;
    }
  | {
      readonly kind: "read";
      readonly endpoint: string;
      readonly connections: number;
      /** Ids are drawn evenly from this range, both ends included. */
      readonly firstId: number;
      readonly lastId: number;
      readonly batchSize: number;
      /** Of all containers, so that it is known what has been measured. */
      readonly state: "OPEN" | "CLOSED";
      /** Each container is to have so many. */
      readonly memberCount: number;
      readonly seconds: number;
      readonly seed: number;
    }
  | {
      readonly kind: "incremental";
      readonly endpoint: string;
      readonly connections: number;
      readonly rowsPerReport: number;
      readonly seconds: number;
      /** Ids are drawn from these ranges, each of which is as likely. */
      readonly ids: readonly IdRange[];
      /** The containers are open. */
      readonly isOpen: boolean;
    }
  | {
      readonly kind: "allocate";
      readonly endpoint: string;
      readonly connections: number;
      readonly seconds: number;
      readonly blocksPerCall: number;
      /** As `RATIS/THREE`. */
      readonly replication: string;
      readonly owner: string;
    }
  | {
      readonly kind: "allocate container";
      readonly endpoint: string;
      readonly connections: number;
      readonly seconds: number;
      readonly replication: string;
      readonly owner: string;
    };

export interface LoadResult {
  readonly count: number;
  readonly failedCount: number;
  readonly latencyUs: readonly (readonly [number, number])[];
  readonly latencyMaxUs: number;
  /** CPU share of the generator, 1 = one core. */
  readonly cpuShare: number;
  readonly seconds: number;
}

/** What each kind of load fills. A message to the process ends one piece of the load and begins the next, in
 * a tally of its own. */
export interface LoadTally {
  count: number;
  failedCount: number;
  latencyUs: Histogram;
}
