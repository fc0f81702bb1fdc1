import { ContainerModel } from "./container-model.js";
import { OtherParts } from "./other-parts.js";
import { type JsonObject, number, object, objects, string, type TraceLine, uuidText } from "./trace.js";
import { kindOnPipeline, shownContainer, shownInfos } from "./trace-containers.js";

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

/** Operational states in which a node's pipelines are closed (spec 01 §7.3). */
const LEAVING: ReadonlySet<string> = new Set(["DECOMMISSIONING", "ENTERING_MAINTENANCE"]);

/** An independent, naive reading of the trace: Maps of plain objects, rules straight from the
 * specification (01 §3, §4, §7; for containers see ContainerModel). It shares no code with the SCM. */
export class TraceModel {
  readonly nodes = new Map<string, ModelNode>();
  readonly parts = new OtherParts(this);
  readonly containers = new ContainerModel(this.parts);
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
    this.containers.restart();
    this.#nowMs = atMs;
    this.#nextCheckMs = atMs + this.#intervals.checkMs;
  }

  /** Health checks up to `atMs`. */
  advance(atMs: number): void {
    while (this.#nextCheckMs <= atMs) {
      this.#nowMs = this.#nextCheckMs;
      this.containers.advance(this.#nowMs);
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
    this.containers.advance(atMs);
  }

  /** Answers whether the recorded SCM took it. Its full report is played by itself. */
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
    if (old !== undefined && (old.ipAddress !== fresh.ipAddress || old.hostName !== fresh.hostName)) {
      this.parts.pipelinesOfNodeClosed(uuid);
    }
    this.nodes.set(uuid, fresh);
    return true;
  }

  /** Answers whether the SCM knew the node. Reports and container actions are played by themselves. */
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
    for (const action of objects(object(request["pipelineActions"])["pipelineActions"])) {
      const { pipelineID } = object(action["closePipeline"]);
      if (pipelineID === undefined) continue;
      this.parts.pipelineClosed(uuidText(object(pipelineID)));
      this.containers.pipelineClosed(uuidText(object(pipelineID)));
    }
    return true;
  }

  /** What an answer to the OM or to an administrator shows of containers and pipelines. */
  answered({ type, request, response = {} }: TraceLine): void {
    const owner = string(object(request["allocateScmBlockRequest"])["owner"]);
    for (const block of objects(object(response["allocateScmBlockResponse"])["blocks"])) {
      this.#created(object(block["containerBlockID"]), object(block["pipeline"]), owner);
    }
    const made = object(object(response["containerResponse"])["containerWithPipeline"]);
    const info = object(made["containerInfo"]);
    this.#created(info, object(made["pipeline"]), string(info["owner"]));
    for (const name of ["pipelineResponse", "getPipelineResponse"]) {
      this.parts.pipelineShown(object(object(response[name])["pipeline"]));
    }
    const listed = object(response["listPipelineResponse"])["pipelines"];
    if (type === "ListPipelines") this.parts.pipelinesListed(objects(listed));
    const closed = object(request["closePipelineRequest"])["pipelineID"];
    if (closed !== undefined) this.parts.pipelineClosed(uuidText(object(closed)));
    for (const key of objects(object(request["deleteScmKeyBlocksRequest"])["keyBlocks"])) {
      for (const block of objects(key["blocks"])) {
        this.containers.deleteTransaction(number(object(block["containerBlockID"])["containerID"]));
      }
    }
    for (const info of shownInfos(response)) this.containers.shown(shownContainer(info));
  }

  /** What a command to a datanode shows of pipelines. */
  commanded(command: JsonObject): void {
    const created = object(command["createPipelineCommandProto"]);
    this.parts.pipelineShown(created, objects(created["datanode"]));
    const closed = object(command["closePipelineCommandProto"])["pipelineID"];
    if (closed !== undefined) this.parts.pipelineClosed(uuidText(object(closed)));
  }

  #created(container: JsonObject, pipeline: JsonObject, owner: string): void {
    const id = number(container["containerID"]);
    if (id === 0) return;
    this.parts.pipelineShown(pipeline);
    this.containers.created(id, kindOnPipeline(pipeline, owner));
  }

  setIntent(uuid: string, state: string): void {
    this.intents.set(uuid, state);
    const node = this.nodes.get(uuid);
    if (node === undefined) return;
    const before = node.operationalState;
    node.operationalState = state;
    if (LEAVING.has(state)) this.parts.pipelinesOfNodeClosed(uuid);
    // A dead node that leaves maintenance is purged now (spec 01 §7.4).
    if (node.health === "DEAD" && before === "IN_MAINTENANCE" && state !== before) {
      this.containers.purge(uuid);
    }
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

  #check(node: ModelNode, nowMs: number): void {
    const next = this.#nextHealth(node, nowMs);
    if (next === "DEAD" && node.health !== "DEAD" && node.operationalState !== "IN_MAINTENANCE") {
      this.containers.purge(node.uuid);
    }
    if (next === "STALE" || next === "DEAD") this.parts.pipelinesOfNodeClosed(node.uuid);
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
