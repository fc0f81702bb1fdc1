import type { Command, NodeRecord } from "../../../protocol/schema/records.js";
import { AssertionError } from "../../core/assert.js";
import type { NodeHealth, OperationalState } from "../../core/enums.js";
import type { NodeSlot } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import type {
  Heartbeat,
  HeartbeatOutcome,
  LeaderView,
  NodeCommand,
  NodeIntent,
  NodeManagerOptions,
  PeerAddress,
  RegisterOutcome,
  Registration,
} from "./node-types.js";

export interface NodeFilter {
  readonly health?: NodeHealth | undefined;
  readonly operationalState?: OperationalState | undefined;
}

/** Everything observed about datanodes (spec 01): never logged, never on disk. Pure: times are passed in, in ms of the
 * monotonic clock. */
export class NodeManager {
  constructor(_options: NodeManagerOptions) {}

  /** SharedArrayBuffer with one NODE_ROW a slot, for shards and admin. */
  get rows(): SharedArrayBuffer {
    throw new AssertionError("being built");
  }

  /** Spec 01 §3. The caller feeds the full report that follows with *from registration*. */
  register(_request: Registration, _peer: PeerAddress | undefined, _nowMs: number): RegisterOutcome {
    throw new AssertionError("being built");
  }

  /** Spec 01 §4.2; call it before the container reports of the same heartbeat. Commands are drained into the answer;
   * when the answer cannot be sent, hand them to `takeBack`. */
  heartbeat(_uuid: Uuid, _beat: Heartbeat, _leader: LeaderView, _nowMs: number): HeartbeatOutcome {
    throw new AssertionError("being built");
  }

  /** Puts drained commands of an answer that was never written back to the front of the queue (spec 12 §8.2 H5). */
  takeBack(_uuid: Uuid, _commands: readonly Command[]): void {
    throw new AssertionError("being built");
  }

  /** Queues a command; an equal one that waits is replaced. False when the node's queue is full. */
  queueCommand(_uuid: Uuid, _command: NodeCommand): boolean {
    throw new AssertionError("being built");
  }

  /** One step of the health state machine, every process interval (spec 01 §7.2). */
  tick(_nowMs: number): void {
    throw new AssertionError("being built");
  }

  /** An intent was applied from the log, or loaded at boot. */
  applyIntent(_uuid: Uuid, _intent: NodeIntent): void {
    throw new AssertionError("being built");
  }

  /** The next heartbeat answers ask for a full report until one begins. */
  wantFullReport(_slot: NodeSlot): void {
    throw new AssertionError("being built");
  }

  fullReportBegun(_slot: NodeSlot): void {
    throw new AssertionError("being built");
  }

  /** Spec 12 §8.2 H3: the shards have merged a full report. */
  fullReportComplete(_slot: NodeSlot): void {
    throw new AssertionError("being built");
  }

  slotOf(_uuid: Uuid): NodeSlot | undefined {
    throw new AssertionError("being built");
  }

  uuidOf(_slot: NodeSlot): Uuid {
    throw new AssertionError("being built");
  }

  /** The NODE record for admin. Container and pipeline counts come from their owners. */
  node(
    _slot: NodeSlot,
    _counts: { containerCount: number; pipelineCount: number },
    _nowMs: number,
  ): NodeRecord {
    throw new AssertionError("being built");
  }

  /** Slots in uuid order, after `after`, at most `countMax`. */
  list(_filter: NodeFilter, _after: Uuid | undefined, _countMax: number): NodeSlot[] {
    throw new AssertionError("being built");
  }

  get nodeCount(): number {
    throw new AssertionError("being built");
  }

  /** Nodes of that health, whatever their operational state. */
  countOf(_health: NodeHealth): number {
    throw new AssertionError("being built");
  }
}
