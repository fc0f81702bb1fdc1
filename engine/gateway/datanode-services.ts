import type { RequestOf } from "../../protocol/schema/messages.js";
import type { PipelineReport } from "../../protocol/schema/records.js";
import type { ReportReceiver } from "../../workers/pool/report-source.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { LeaderView } from "../cluster/nodes/node-types.js";
import type { Clock } from "../core/clock.js";
import type { NodeSlot } from "../core/ids.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";

export type PipelineActions = NonNullable<RequestOf<"heartbeat">["pipelineActions"]>;
export type ContainerActions = NonNullable<RequestOf<"heartbeat">["containerActions"]>;

/** What datanodes ask of the rest of the SCM. */
export interface DatanodeServices {
  readonly nodes: Pick<NodeManager, "register" | "heartbeat" | "takeBack" | "fullReportBegun">;
  readonly reports: ReportReceiver;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly clusterId: string;
  /** A datanode's pipelines as it sees them, at registration and in heartbeats. */
  readonly onPipelineReports: (uuid: Uuid, reports: readonly PipelineReport[]) => void;
  /** A datanode wants pipelines closed. */
  readonly onPipelineActions: (uuid: Uuid, actions: PipelineActions) => void;
  /** A datanode wants containers closed. */
  readonly onContainerActions: (slot: NodeSlot, actions: ContainerActions) => void;
  /** What this SCM is busy with before it can judge reports, undefined when datanodes may register. */
  readonly busyWith: () => string | undefined;
  /** This SCM's standing now. */
  readonly leader: () => LeaderView;
  /** The host name of a peer, as the operator's name service tells it; undefined when it does not know.
   * May call `onName` before it returns. Left out: what the datanode says is kept. */
  readonly lookUpHostName?: (address: string, onName: (name: string | undefined) => void) => void;
  /** The rack of a datanode, as the operator's mapping tells it; undefined when that failed. May call
   * `onLocation` before it returns. Left out: what the datanode says is kept. */
  readonly lookUpLocation?: (
    /** Address as the connection has it, name as the datanode says. */
    datanode: { readonly ipAddress: string; readonly hostName: string },
    onLocation: (location: string | undefined) => void,
  ) => void;
}
