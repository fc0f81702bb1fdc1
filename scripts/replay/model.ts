import {
  boolean,
  type JsonObject,
  number,
  object,
  objects,
  size,
  string,
  type TraceLine,
  uint64,
  uuidText,
} from "./trace.js";

/** What the trace says about a replica, in the trace's own words. */
export interface ModelReplica {
  readonly containerId: number;
  readonly node: string;
  readonly state: string;
  readonly replicaIndex: number;
  readonly sequenceId: number;
  readonly usedBytes: number;
  readonly keyCount: number;
  readonly origin: string;
  readonly isEmpty: boolean;
  readonly dataChecksum: bigint;
}

export interface ModelNode {
  readonly uuid: string;
  version: string;
  ipAddress: string;
  hostName: string;
  ports: string;
  metadataLayout: number;
  softwareLayout: number;
  storage: JsonObject[];
  lastHeartbeatMs: number;
  health: "HEALTHY" | "HEALTHY_READONLY" | "STALE" | "DEAD";
  operationalState: string;
  /** The health before the latest check that changed it, and when that was. */
  previousHealth: string;
  changedAtMs: number;
}

export interface HealthIntervals {
  readonly checkMs: number;
  readonly staleMs: number;
  readonly deadMs: number;
}

/** Layout of the recorded SCM and of ours (spec 01 §1.5), which is finalized. */
const SCM_LAYOUT = 10;

/** An independent, naive reading of the trace: Maps of plain objects, rules straight from the
 * specification (01 §3, §4, §7; 02 §7, §8). It shares no code with the SCM. */
export class TraceModel {
  readonly nodes = new Map<string, ModelNode>();
  /** container id → node → replica */
  readonly replicas = new Map<number, Map<string, ModelReplica>>();
  /** Data and parity of the EC containers that exist. */
  readonly ecWidth = new Map<number, number>();
  /** Wanted operational states, as commands and admin answers showed them; they outlive the process. */
  readonly intents = new Map<string, string>();
  readonly #intervals: HealthIntervals;
  #nowMs = 0;
  #nextCheckMs = 0;

  constructor(intervals: HealthIntervals) {
    this.#intervals = intervals;
  }

  /** The SCM process ended: everything observed is gone. */
  restart(atMs: number): void {
    this.nodes.clear();
    this.replicas.clear();
    this.#nowMs = atMs;
    this.#nextCheckMs = atMs + this.#intervals.checkMs;
  }

  /** Health checks up to `atMs`. */
  advance(atMs: number): void {
    while (this.#nextCheckMs <= atMs) {
      for (const node of this.nodes.values()) {
        const before = node.health;
        this.#check(node, this.#nextCheckMs);
        if (node.health === before) continue;
        node.previousHealth = before;
        node.changedAtMs = this.#nextCheckMs;
      }
      this.#nextCheckMs += this.#intervals.checkMs;
    }
    this.#nowMs = atMs;
  }

  /** Answers whether the recorded SCM took it. */
  register(line: TraceLine): boolean {
    const request = object(line.request["registerRequest"]);
    const answer = object(line.response?.["registerResponse"]);
    if (string(answer["errorCode"]) !== "success") return false;
    const extended = object(request["extendedDatanodeDetails"]);
    const details = object(extended["datanodeDetails"]);
    const uuid = uuidText(details);
    const layout = object(request["dataNodeLayoutVersion"]);
    const fresh: ModelNode = {
      uuid,
      version: string(extended["version"]),
      ipAddress: string(answer["ipAddress"]) || string(details["ipAddress"]),
      hostName: string(answer["hostname"]) || string(details["hostName"]),
      ports: portsText(details),
      metadataLayout: number(layout["metadataLayoutVersion"]),
      softwareLayout: number(layout["softwareLayoutVersion"]),
      storage: [...objects(object(request["nodeReport"])["storageReport"])],
      lastHeartbeatMs: this.#nowMs,
      health: "HEALTHY",
      operationalState: this.intents.get(uuid) ?? stateText(details),
      previousHealth: "HEALTHY",
      changedAtMs: Number.NEGATIVE_INFINITY,
    };
    if (!hasScmLayout(fresh)) fresh.health = "HEALTHY_READONLY";
    const old = this.nodes.get(uuid);
    if (old !== undefined && isSameRecord(old, fresh)) {
      const { health, previousHealth, changedAtMs } = old;
      Object.assign(fresh, { health, previousHealth, changedAtMs });
    }
    this.nodes.set(uuid, fresh);
    this.#fullReport(uuid, object(request["containerReport"]));
    return true;
  }

  /** Answers whether the SCM knew the node. */
  heartbeat(line: TraceLine): boolean {
    const request = object(line.request["sendHeartbeatRequest"]);
    const uuid = uuidText(object(request["datanodeDetails"]));
    const node = this.nodes.get(uuid);
    if (node === undefined) return false;
    node.lastHeartbeatMs = this.#nowMs;
    const layout = object(request["dataNodeLayoutVersion"]);
    node.metadataLayout = number(layout["metadataLayoutVersion"]);
    node.softwareLayout = number(layout["softwareLayoutVersion"]);
    if (request["nodeReport"] !== undefined) {
      node.storage = [...objects(object(request["nodeReport"])["storageReport"])];
    }
    if (request["containerReport"] !== undefined) this.#fullReport(uuid, object(request["containerReport"]));
    for (const report of objects(request["incrementalContainerReport"])) {
      for (const row of objects(report["report"])) this.#row(uuid, row);
    }
    return true;
  }

  setIntent(uuid: string, state: string): void {
    this.intents.set(uuid, state);
    const node = this.nodes.get(uuid);
    if (node === undefined) return;
    const before = node.operationalState;
    node.operationalState = state;
    // A dead node that leaves maintenance is purged now (spec 01 §7.4).
    if (node.health === "DEAD" && before === "IN_MAINTENANCE" && state !== before) this.#purge(uuid);
  }

  /** The health that one check interval of tolerance allows: before the latest check, and after the next
   * one. */
  healthsOf(uuid: string): ReadonlySet<string> {
    const node = this.nodes.get(uuid);
    if (node === undefined) return new Set();
    const { checkMs } = this.#intervals;
    const healths = new Set<string>([node.health]);
    if (this.#nowMs - node.changedAtMs <= checkMs) healths.add(node.previousHealth);
    healths.add(this.#nextHealth(node, this.#nowMs + checkMs));
    return healths;
  }

  #fullReport(uuid: string, report: JsonObject): void {
    const rows = objects(report["reports"]);
    const present = new Set(rows.map((row) => number(row["containerID"])));
    for (const [containerId, byNode] of this.replicas) if (!present.has(containerId)) byNode.delete(uuid);
    for (const row of rows) this.#row(uuid, row);
  }

  #row(uuid: string, row: JsonObject): void {
    const containerId = number(row["containerID"]);
    const replicaIndex = number(row["replicaIndex"]);
    const width = this.ecWidth.get(containerId);
    // Spec 02 §7.4d: an EC replica without a valid index is skipped.
    if (width !== undefined && (replicaIndex < 1 || replicaIndex > width)) return;
    let byNode = this.replicas.get(containerId);
    if (byNode === undefined) {
      byNode = new Map();
      this.replicas.set(containerId, byNode);
    }
    if (string(row["state"]) === "DELETED") {
      byNode.delete(uuid);
      return;
    }
    byNode.set(uuid, {
      containerId,
      node: uuid,
      state: string(row["state"]),
      replicaIndex,
      sequenceId: size(row["blockCommitSequenceId"]),
      usedBytes: size(row["used"]),
      keyCount: size(row["keyCount"]),
      origin: string(row["originNodeId"]) || uuid,
      isEmpty: boolean(row["isEmpty"]),
      dataChecksum: uint64(row["dataChecksum"]),
    });
  }

  #check(node: ModelNode, nowMs: number): void {
    const next = this.#nextHealth(node, nowMs);
    if (next === "DEAD" && node.health !== "DEAD" && node.operationalState !== "IN_MAINTENANCE") {
      this.#purge(node.uuid);
    }
    node.health = next;
  }

  /** One step of the table of spec 01 §7.2. */
  #nextHealth(node: ModelNode, nowMs: number): ModelNode["health"] {
    const late = node.lastHeartbeatMs < nowMs - this.#intervals.staleMs;
    const gone = node.lastHeartbeatMs < nowMs - this.#intervals.deadMs;
    switch (node.health) {
      case "HEALTHY":
      case "HEALTHY_READONLY":
        return late ? "STALE" : hasScmLayout(node) ? "HEALTHY" : "HEALTHY_READONLY";
      case "STALE":
        return gone ? "DEAD" : late ? "STALE" : "HEALTHY_READONLY";
      case "DEAD":
        return late ? "DEAD" : "HEALTHY_READONLY";
    }
  }

  #purge(uuid: string): void {
    for (const byNode of this.replicas.values()) byNode.delete(uuid);
  }
}

/** Nothing differs that would make the recorded SCM replace the record: its health stays (spec 01 §3.2
 * case E). */
function isSameRecord(a: ModelNode, b: ModelNode): boolean {
  if (a.ipAddress !== b.ipAddress || a.hostName !== b.hostName) return false;
  return a.version === b.version && a.ports === b.ports;
}

function hasScmLayout(node: ModelNode): boolean {
  return node.metadataLayout === SCM_LAYOUT && node.softwareLayout === SCM_LAYOUT;
}

/** Named ports, sorted: order does not matter. */
export function portsText(details: JsonObject): string {
  const ports = objects(details["ports"]).map((port) => `${string(port["name"])}=${number(port["value"])}`);
  return ports.sort().join(" ");
}

function stateText(details: JsonObject): string {
  return string(details["persistedOpState"]) || "IN_SERVICE";
}
