import type { DatanodeDetails, LayoutVersion, NodeReport } from "../../../protocol/schema/records.js";
import type { CommandType, NodeHealth, OperationalState } from "../../core/enums.js";
import type { NodeSlot } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { CommandQueue } from "./command-queue.js";
import type { NodeIntent } from "./node-types.js";
import type { NodeUsage } from "./node-usage.js";
import { NO_USAGE } from "./node-usage.js";

/** One datanode (spec 01 §1.3). Written by the node manager alone. */
export class NodeEntry {
  readonly slot: NodeSlot;
  /** As recorded, every field of the wire kept (spec 12 §8.2 H4). Replaced, never changed. */
  details: DatanodeDetails;
  /** Grows with `details`, for caches of rendered bytes. */
  detailsVersion = 1;
  health: NodeHealth = "HEALTHY";
  operationalState: OperationalState = "IN_SERVICE";
  /** Epoch seconds, 0 = never. */
  operationalStateExpiry = 0;
  layout: LayoutVersion;
  /** Monotonic. */
  lastHeartbeatMs: number;
  report: NodeReport | undefined = undefined;
  usage: Readonly<NodeUsage> = NO_USAGE;
  failedVolumeCount = 0;
  /** As last told by the datanode; a type that it left out is absent. */
  readonly reportedCommands = new Map<CommandType, number>();
  /** Sum of `reportedCommands`. */
  reportedCommandCount = 0;
  readonly queue = new CommandQueue();

  constructor(slot: NodeSlot, details: DatanodeDetails, layout: LayoutVersion, nowMs: number) {
    this.slot = slot;
    this.details = details;
    this.layout = layout;
    this.lastHeartbeatMs = nowMs;
  }

  get uuid(): Uuid {
    return this.details.uuid;
  }

  /** What stands on the datanode's disk; absent means IN_SERVICE (spec 01 §1.1). */
  get persisted(): NodeIntent {
    const { persistedOpState, persistedOpStateExpiry } = this.details;
    return { operationalState: persistedOpState ?? "IN_SERVICE", expirySeconds: persistedOpStateExpiry ?? 0 };
  }
}

/** It may be given something new: IN_SERVICE and HEALTHY. HEALTHY_READONLY is not enough (spec 03 §6). */
export function isUsable({
  health,
  operationalState,
}: Pick<NodeEntry, "health" | "operationalState">): boolean {
  return health === "HEALTHY" && operationalState === "IN_SERVICE";
}
