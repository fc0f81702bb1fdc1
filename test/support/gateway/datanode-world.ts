import type {
  Heartbeat,
  HeartbeatOutcome,
  LeaderView,
  PeerAddress,
  RegisterOutcome,
  Registration,
} from "../../../engine/cluster/nodes/node-types.js";
import { type NodeSlot, nodeSlot } from "../../../engine/core/ids.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { DatanodeServices } from "../../../engine/gateway/datanode-services.js";
import { ReportRowWriter, ROW_BYTES } from "../../../protocol/codec/report-rows.js";
import type { Command } from "../../../protocol/schema/records.js";
import type {
  FullReportBegin,
  FullReportChunk,
  IncrementalReport,
  ReportDone,
  ReportGranted,
  ReportReceiver,
} from "../../../workers/pool/report-source.js";

export function uuidOf(number: number): Uuid {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}` as Uuid;
}

/** A node manager that knows who registered, and answers what it was told to. */
export class FakeNodes {
  readonly slots = new Map<Uuid, NodeSlot>();
  readonly registrations: { request: Registration; peer: PeerAddress | undefined }[] = [];
  readonly heartbeats: { uuid: Uuid; beat: Heartbeat; leader: LeaderView; nowMs: number }[] = [];
  readonly takenBack: { uuid: Uuid; commands: readonly Command[] }[] = [];
  readonly begun: NodeSlot[] = [];
  /** Drained by the next heartbeat. */
  commands: Command[] = [];
  refusal: Extract<RegisterOutcome, { kind: "refused" }> | undefined;

  register(request: Registration, peer: PeerAddress | undefined): RegisterOutcome {
    this.registrations.push({ request, peer });
    if (this.refusal !== undefined) return this.refusal;
    const { uuid } = request.details;
    const slot = this.slots.get(uuid) ?? nodeSlot(this.slots.size);
    this.slots.set(uuid, slot);
    const details = { ...request.details, networkName: uuid, networkLocation: "/rack1" };
    return { kind: "accepted", slot, case: "new", details: { ...details, ...peer } };
  }

  heartbeat(uuid: Uuid, beat: Heartbeat, leader: LeaderView, nowMs: number): HeartbeatOutcome {
    this.heartbeats.push({ uuid, beat, leader, nowMs });
    const { commands } = this;
    this.commands = [];
    return { isKnown: true, term: leader.term, commands, fullReportWanted: false };
  }

  takeBack(uuid: Uuid, commands: readonly Command[]): void {
    this.takenBack.push({ uuid, commands });
    this.commands = [...commands, ...this.commands];
  }

  fullReportBegun(slot: NodeSlot): void {
    this.begun.push(slot);
  }
}

/** Keeps every report and its callback, to be answered by the test. */
export class FakeReports implements ReportReceiver {
  readonly log: string[] = [];
  readonly begins: { slot: NodeSlot; begin: FullReportBegin; onGranted: ReportGranted }[] = [];
  readonly chunks: { slot: NodeSlot; chunk: FullReportChunk; onDone: ReportDone }[] = [];
  readonly incrementals: { slot: NodeSlot; report: IncrementalReport; onDone: ReportDone }[] = [];
  readonly wanted = new Set<NodeSlot>();

  begin(slot: NodeSlot, begin: FullReportBegin, onGranted: ReportGranted): void {
    this.log.push(`begin ${slot}`);
    this.begins.push({ slot, begin, onGranted });
  }

  chunk(slot: NodeSlot, chunk: FullReportChunk, onDone: ReportDone): void {
    this.log.push(`chunk ${slot} ${chunk.fromId}`);
    this.chunks.push({ slot, chunk: { ...chunk, rows: chunk.rows.slice() }, onDone });
  }

  incremental(slot: NodeSlot, report: IncrementalReport, onDone: ReportDone): void {
    this.log.push(`incremental ${slot}`);
    this.incrementals.push({ slot, report: { ...report, rows: report.rows.slice() }, onDone });
  }

  nodeGone(slot: NodeSlot): void {
    this.log.push(`gone ${slot}`);
  }

  wantFullReport(slot: NodeSlot): void {
    this.log.push(`want ${slot}`);
    this.wanted.add(slot);
  }

  fullReportWanted(slot: NodeSlot): boolean {
    return this.wanted.has(slot);
  }

  fullReportComplete(): boolean {
    return false;
  }
}

export function fakeServices(
  time: Pick<DatanodeServices, "clock" | "scheduler">,
  changes: Partial<DatanodeServices> = {},
): {
  nodes: FakeNodes;
  reports: FakeReports;
  services: DatanodeServices;
} {
  const nodes = new FakeNodes();
  const reports = new FakeReports();
  const services: DatanodeServices = {
    nodes,
    reports,
    ...time,
    clusterId: "CID-1",
    onPipelineReports: () => undefined,
    onContainerActions: () => undefined,
    onPipelineActions: () => undefined,
    busyWith: () => undefined,
    leader: () => ({ isLeader: true, term: 7 }),
    ...changes,
  };
  return { nodes, reports, services };
}

export function registration(uuid: Uuid): Registration {
  return {
    details: { uuid, ipAddress: "127.0.0.1", hostName: "dn1", ports: [{ name: "RATIS", value: 9858 }] },
    report: { storageReports: [], metadataStorageReports: [] },
    pipelineReports: [],
    layout: { metadata: 1, software: 1 },
  };
}

export const HEARTBEAT: Heartbeat = { persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 };

export function command(id: number, encodedToken?: string): Command {
  return {
    type: "closeContainerCommand",
    commandId: id,
    term: 7,
    deadlineMs: 0,
    containerId: id,
    ...(encodedToken === undefined ? {} : { encodedToken }),
  };
}

const ROW = {
  usedBytes: 1000,
  sequenceId: 1,
  keyCount: 2,
  state: "CLOSED",
  isEmpty: false,
  replicaIndex: 0,
} as const;

/** `count` rows with ids from `firstId` on, for a dictionary with one origin. */
export function rowsFrom(firstId: number, count: number): Uint8Array {
  const rows = new ReportRowWriter(ROW_BYTES, "ascending");
  const origin = uuidOf(9);
  for (let containerId = firstId; containerId < firstId + count; containerId++) {
    rows.add({ containerId, ...ROW, originNodeId: origin });
  }
  return rows.take();
}
