import type { NodeEntry } from "../../../engine/cluster/nodes/node-entry.js";
import { NodeManager } from "../../../engine/cluster/nodes/node-manager.js";
import type {
  Heartbeat,
  HeartbeatOutcome,
  LeaderView,
  NodeCommand,
  NodeManagerOptions,
  PeerAddress,
  RegisterOutcome,
} from "../../../engine/cluster/nodes/node-types.js";
import { DEFAULT_SCHEMA } from "../../../engine/cluster/topology/schema.js";
import { Topology } from "../../../engine/cluster/topology/topology.js";
import type { NodeSlot } from "../../../engine/core/ids.js";
import type { DatanodeDetails, NodeReport, StorageReport } from "../../../protocol/schema/records.js";
import { datanodeDetails, uuidOf } from "./builders.js";

export const LAYOUT = { metadata: 10, software: 10 };
export const PROCESS_MS = 3_000;
export const STALE_MS = 300_000;
export const DEAD_MS = 600_000;

export function volume(changes: Partial<StorageReport> = {}): StorageReport {
  return {
    storageUuid: "DS-1",
    storageLocation: "/data/1",
    capacity: 1000,
    scmUsed: 100,
    remaining: 800,
    storageType: "DISK",
    failed: false,
    committed: 50,
    freeSpaceToSpare: 20,
    reserved: 10,
    ...changes,
  };
}

export function nodeReport(...storageReports: readonly StorageReport[]): NodeReport {
  return { storageReports, metadataStorageReports: [] };
}

/** A node manager with a clock that the test moves, and what it said. */
export class NodeRig {
  readonly manager: NodeManager;
  nowMs = 1_000_000;
  leader: LeaderView = { isLeader: true, term: 5 };
  /** `EVENT number-of-node`, in order; `PURGE number` for purges. */
  readonly events: string[] = [];
  /** Nodes as the listener was told of them. */
  readonly changes: NodeEntry[] = [];

  constructor(changes: Partial<NodeManagerOptions> = {}) {
    this.manager = new NodeManager({
      processIntervalMs: PROCESS_MS,
      staleIntervalMs: STALE_MS,
      deadIntervalMs: DEAD_MS,
      layout: LAYOUT,
      useDatanodeHostname: false,
      nodeCountMax: 100,
      firstCommandId: 1000,
      mayDelete: () => true,
      topology: new Topology(DEFAULT_SCHEMA, 100),
      listener: {
        onEvent: (event, _slot, uuid) => this.events.push(`${event} ${numberOf(uuid)}`),
        onNodeChanged: (node) => this.changes.push(node),
        onPurge: (_slot, uuid) => this.events.push(`PURGE ${numberOf(uuid)}`),
      },
      ...changes,
    });
  }

  register(
    number: number,
    changes: {
      readonly details?: Partial<DatanodeDetails>;
      readonly report?: NodeReport;
      readonly layout?: { readonly metadata: number; readonly software: number };
      readonly peer?: PeerAddress;
    } = {},
  ): RegisterOutcome {
    const request = {
      details: datanodeDetails(number, changes.details),
      report: changes.report ?? nodeReport(volume()),
      pipelineReports: [],
      layout: changes.layout ?? LAYOUT,
    };
    return this.manager.register(request, changes.peer, this.nowMs);
  }

  /** Registers a node that must be accepted. */
  accept(number: number, changes: Parameters<NodeRig["register"]>[1] = {}): NodeSlot {
    const outcome = this.register(number, changes);
    if (outcome.kind === "refused") throw new Error(outcome.code);
    return outcome.slot;
  }

  beat(number: number, changes: Partial<Heartbeat> = {}): HeartbeatOutcome {
    const beat: Heartbeat = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0, ...changes };
    return this.manager.heartbeat(uuidOf(number), beat, this.leader, this.nowMs);
  }

  /** Queues a command in the term of `leader`. */
  queue(number: number, command: NodeCommand): boolean {
    return this.manager.queueCommand(uuidOf(number), command, this.leader);
  }

  /** Another standing of this SCM begins. */
  become(leader: LeaderView): void {
    this.leader = leader;
    this.manager.standingChanged(leader, this.nowMs);
  }

  /** Ticks at every process interval for `durationMs`; `beating` nodes send a heartbeat before each. */
  run(durationMs: number, beating: readonly number[] = []): void {
    for (const end = this.nowMs + durationMs; this.nowMs < end; ) {
      this.nowMs += PROCESS_MS;
      for (const number of beating) this.beat(number);
      this.manager.tick(this.nowMs);
    }
  }

  health(number: number): string {
    return this.node(number).health;
  }

  node(number: number) {
    const slot = this.manager.slotOf(uuidOf(number));
    if (slot === undefined) throw new Error(`no node ${number}`);
    return this.manager.node(slot, { containerCount: 0, pipelineCount: 0 }, this.nowMs);
  }

  /** The events since the last call. */
  takeEvents(): string[] {
    return this.events.splice(0);
  }
}

function numberOf(uuid: string): number {
  return Number.parseInt(uuid.slice(24), 16);
}
