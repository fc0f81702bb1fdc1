import type { RequestOf } from "../../../protocol/schema/messages.js";
import type { Command, DatanodeDetails, LayoutVersion } from "../../../protocol/schema/records.js";
import type { NodeHealth, OperationalState } from "../../core/enums.js";
import type { ErrorCode, ErrorDetails } from "../../core/errors.js";
import type { NodeSlot } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import type { Topology } from "../topology/topology.js";
import type { NodeEntry } from "./node-entry.js";

/** What the rest of the SCM tells and asks the node manager, whatever protocol a datanode speaks. */
export type Registration = RequestOf<"register">;
export type Heartbeat = RequestOf<"heartbeat">;

/** An order to a datanode as data (spec 12 §8.2 H6): each transport renders it. Its id and its term are given
 * when it is queued (spec 12 §5.4 rule 2, spec 01 §6). */
export type NodeCommand = Omit<Command, "commandId" | "term">;

/** What the transport knows about the other end. */
export interface PeerAddress {
  readonly ipAddress: string;
  /** Result of the reverse look-up, which the host does before; undefined keeps what the datanode says. */
  readonly hostName?: string;
  /** Rack path, which the host looks up before as well; undefined keeps what the datanode says. */
  readonly networkLocation?: string;
}

/** This SCM's standing at the moment of the call. */
export interface LeaderView {
  readonly isLeader: boolean;
  readonly term: number;
}

/** Spec 01 §3.2: which case of the table a registration was. */
export type RegistrationCase = "new" | "moved" | "upgraded" | "ports" | "same";

export type RegisterOutcome =
  | {
      readonly kind: "accepted";
      readonly slot: NodeSlot;
      readonly case: RegistrationCase;
      /** As recorded: the answer's names and addresses. */
      readonly details: DatanodeDetails;
    }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly details: ErrorDetails };

export interface HeartbeatOutcome {
  /** False: the datanode must register; `commands` holds the reregister command and nothing of the request
   * was taken. */
  readonly isKnown: boolean;
  /** Of the leader, 0 from a follower; all commands carry it, a reregister command carries 0. */
  readonly term: number;
  readonly commands: readonly Command[];
  readonly fullReportWanted: boolean;
}

/** Spec 01 §3.4 and §7.2. */
export type NodeEvent =
  | "NEW_NODE"
  | "NODE_ADDRESS_UPDATE"
  | "STALE_NODE"
  | "DEAD_NODE"
  | "HEALTHY_READONLY_NODE"
  | "READ_ONLY_HEALTHY_TO_HEALTHY_NODE";

/** Called within the node manager's methods, after the state has changed. */
export interface NodeListener {
  onEvent(event: NodeEvent, slot: NodeSlot, uuid: Uuid): void;
  /** The node is dead and not in maintenance: its replicas no longer count (spec 01 §7.4 rows 4 and 5). */
  onPurge(slot: NodeSlot, uuid: Uuid): void;
  /** Health, operational state, details or node report may be others than before; the topology has been told.
   */
  onNodeChanged(node: NodeEntry): void;
}

export interface NodeManagerOptions {
  /** `ozone.scm.heartbeat.thread.interval`. */
  readonly processIntervalMs: number;
  /** `ozone.scm.stale.node.interval`, above the process interval and below `deadIntervalMs`. */
  readonly staleIntervalMs: number;
  /** `ozone.scm.dead.node.interval`. */
  readonly deadIntervalMs: number;
  /** The SCM's own. The layout mismatch rule applies when both numbers are equal: finalized (spec 01 §1.5).
   */
  readonly layout: LayoutVersion;
  /** `hdds.datanode.use.datanode.hostname`. */
  readonly useDatanodeHostname: boolean;
  readonly nodeCountMax: number;
  /** Id of the first command; grows by one. Above every id of an earlier process: epoch ms at start. */
  readonly firstCommandId: number;
  /** Whether the replicas of the container are still to be deleted: asked when a delete leaves. */
  mayDelete(containerId: number): boolean;
  /** Empty; for as many slots as nodes. */
  readonly topology: Topology;
  readonly listener: NodeListener;
}

/** The operator's will for a datanode, from the log. */
export interface NodeIntent {
  readonly operationalState: OperationalState;
  /** Epoch seconds, 0 = never. */
  readonly expirySeconds: number;
}

export interface NodeFilter {
  readonly health?: NodeHealth | undefined;
  readonly operationalState?: OperationalState | undefined;
}

export interface NodePage {
  readonly slots: readonly NodeSlot[];
  readonly more: boolean;
}

/** Since start (spec 01 §14). */
export interface NodeCounters {
  heartbeatCount: number;
  /** Of datanodes that must register first. */
  unknownHeartbeatCount: number;
  nodeReportCount: number;
  commandQueueReportCount: number;
  /** Health checks that found the process had been paused. */
  pauseCount: number;
  /** Commands refused because the node's queue was full. */
  refusedCommandCount: number;
  /** Deletes that did not leave because their container had come back. */
  droppedDeleteCount: number;
}
