import type { BackoffOptions } from "../../protocol/client/index.js";
import type { FleetPlanOptions } from "./plan.js";

export interface FleetOptions {
  /** Of the SCMs of the group: every datanode talks to all of them. */
  readonly endpoints: readonly string[];
  readonly plan: FleetPlanOptions;
  /** This process simulates nodes `firstNode` … `firstNode + nodeCount − 1` of the plan. */
  readonly firstNode: number;
  readonly nodeCount: number;
  /** Fixed schedule: a late answer does not move the next heartbeat. */
  readonly heartbeatIntervalMs: number;
  /** A few grown replicas of each node are reported this often, and all that blocks were written to;
   * 0 = never. */
  readonly incrementalIntervalMs: number;
  /** Between attempts to connect; left out: as of the client library. */
  readonly backoff?: BackoffOptions;
  /** Where the datanodes keep pipelines and what was written to them; left out: nowhere. */
  readonly directory?: string;
}

/** What a fleet process tells its parent, sums since the start. */
export interface FleetFigures {
  connected: number;
  registered: number;
  heartbeatsDue: number;
  heartbeatsSent: number;
  heartbeatsAnswered: number;
  /** Not sent because the node was not registered or its connection was full. */
  heartbeatsMissed: number;
  fullReports: number;
  /** Epoch ms when the last one was answered. */
  lastFullReportMs: number;
  rowsReported: number;
  incrementalReports: number;
  commands: number;
  /** On all members of their pipelines. */
  blocksWritten: number;
  /** Their container was not open any more, or nobody led their pipeline. */
  blocksRefused: number;
  errors: number;
  /** µs from the scheduled time to the answer. */
  latencyUs: readonly (readonly [number, number])[];
  latencyMaxUs: number;
  lastError: string;
}

/** Of a fleet that has done nothing yet. */
export function emptyFigures(): FleetFigures {
  return {
    connected: 0,
    registered: 0,
    heartbeatsDue: 0,
    heartbeatsSent: 0,
    heartbeatsAnswered: 0,
    heartbeatsMissed: 0,
    fullReports: 0,
    lastFullReportMs: 0,
    rowsReported: 0,
    incrementalReports: 0,
    commands: 0,
    blocksWritten: 0,
    blocksRefused: 0,
    errors: 0,
    latencyUs: [],
    latencyMaxUs: 0,
    lastError: "",
  };
}
