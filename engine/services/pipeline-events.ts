import type { RequestOf } from "../../protocol/schema/messages.js";
import type { PipelineRecord, PipelineReport } from "../../protocol/schema/records.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import { isUsable, type NodeEntry } from "../cluster/nodes/node-entry.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { NodeEvent } from "../cluster/nodes/node-types.js";
import type { PipelineReports } from "../cluster/pipelines/pipeline-reports.js";
import type { NodeSlot } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { Uuid } from "../core/uuid.js";
import type { Logger } from "../telemetry/logger.js";
import { LogSummary } from "./log-summary.js";
import type { EndCallback, PipelineManager } from "./pipeline-manager.js";
import type { Service } from "./service.js";

/** When what the log had no room for is looked at again. */
const AGAIN_MS = 1000;

type PipelineActions = NonNullable<RequestOf<"heartbeat">["pipelineActions"]>;

export interface PipelineEventsParts {
  readonly scheduler: Scheduler;
  readonly logger: Pick<Logger, "warn">;
  readonly cluster: Pick<ClusterState, "pipelines" | "isPipelineGone">;
  readonly nodes: Pick<NodeManager, "index" | "uuidOf">;
  readonly reports: PipelineReports;
  readonly manager: Pick<PipelineManager, "open" | "close" | "closeAndRemove" | "remove" | "tellToClose">;
  /** A datanode that may be a member has appeared. */
  readonly onNodeUsable: () => void;
}

/** What datanodes say about pipelines, and what happens to datanodes, as far as it concerns pipelines (spec
 * 03 §7, §9.4). Reports are taken on every SCM, so that a new leader knows what its members have told; only
 * the leader acts. */
export class PipelineEvents implements Service {
  readonly name = "pipeline events";
  /** Since start. */
  readonly counters = {
    numPipelineReportProcessed: 0,
    numPipelineReportProcessingFailed: 0,
    actions: 0,
    unknownKept: 0,
  };
  readonly #parts: PipelineEventsParts;
  readonly #strangers: LogSummary;
  readonly #kept: LogSummary;
  #isRunning = false;
  /** Datanodes whose pipelines are looked at when the turn ends: what tells of them may come in the midst of
   * `apply`. */
  readonly #toCheck = new Set<NodeSlot>();
  /** Those with pipelines that should have ended: nothing else would tell of these datanodes again. */
  readonly #toCheckAgain = new Set<NodeSlot>();
  #againTimer: Timer | undefined;

  constructor(parts: PipelineEventsParts) {
    this.#parts = parts;
    const summary = (message: string): LogSummary =>
      new LogSummary({
        ...parts,
        message,
        subject: "pipelineId",
        uuidOf: (node) => parts.nodes.uuidOf(node),
      });
    this.#strangers = summary("datanodes told of pipelines of which they are no members");
    this.#kept = summary(
      "datanodes told of pipelines that do not exist; they keep them until the import ends",
    );
  }

  start(): void {}

  stop(): void {
    this.#isRunning = false;
    this.#againTimer?.cancel();
    for (const summary of [this.#strangers, this.#kept]) summary.stop();
  }

  onStatus(leaderReady: boolean): void {
    if (leaderReady === this.#isRunning) return;
    this.#isRunning = leaderReady;
    if (!leaderReady) return;
    // While nobody led, and while another one did, this SCM looked on.
    for (const pipeline of this.#parts.cluster.pipelines.rows.values()) this.#openIfHealthy(pipeline);
    for (const { slot } of this.#parts.nodes.index.all()) this.#checkLater(slot);
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#isRunning ? "RUNNING" : "PAUSED";
  }

  reported(datanode: Uuid, reports: readonly PipelineReport[]): void {
    const { nodes, cluster } = this.#parts;
    const node = nodes.index.get(datanode);
    if (node === undefined) return;
    for (const report of reports) {
      const { pipelineId } = report;
      const outcome = this.#parts.reports.take(node.details, report);
      if (outcome === "stranger") {
        this.counters.numPipelineReportProcessingFailed++;
        this.#strangers.note(pipelineId, node.slot);
        continue;
      }
      this.counters.numPipelineReportProcessed++;
      if (!this.#isRunning) continue;
      const pipeline = cluster.pipelines.get(pipelineId);
      if (pipeline === undefined) this.#tellOfUnknown(node, pipelineId);
      else this.#openIfHealthy(pipeline);
    }
  }

  /** A datanode asks to close pipelines; the reason is for people. */
  asked(datanode: Uuid, actions: PipelineActions): void {
    const { nodes, cluster, manager, logger } = this.#parts;
    const node = nodes.index.get(datanode);
    if (!this.#isRunning || node === undefined) return;
    for (const { pipelineId, reason, detailedReason } of actions) {
      const pipeline = cluster.pipelines.get(pipelineId);
      if (pipeline === undefined) this.#tellOfUnknown(node, pipelineId);
      else if (pipeline.state !== "CLOSED") {
        this.counters.actions++;
        logger.warn("a datanode asks to close a pipeline", { pipelineId, datanode, reason, detailedReason });
        manager.close(pipelineId);
      }
    }
  }

  nodeEvent(event: NodeEvent, slot: NodeSlot): void {
    if (!this.#isRunning) return;
    this.#checkLater(slot);
    if (BRINGS_MEMBER.has(event)) this.#parts.onNodeUsable();
  }

  nodeChanged(node: NodeEntry): void {
    if (this.#isRunning && !isUsable(node)) this.#checkLater(node.slot);
  }

  /** By `apply`: a member may have left while the pipeline was on its way into the log. */
  pipelineChanged(id: Uuid | undefined): void {
    if (!this.#isRunning || id === undefined) return;
    const { cluster, nodes } = this.#parts;
    for (const { details } of cluster.pipelines.get(id)?.members ?? []) {
      const node = nodes.index.get(details.uuid);
      if (node !== undefined && fateOf(node) !== undefined) this.#checkLater(node.slot);
    }
  }

  /** Its Raft group is dropped, but not while the pipeline may be imported. */
  #tellOfUnknown({ uuid, slot }: NodeEntry, pipelineId: Uuid): void {
    const { cluster, manager } = this.#parts;
    if (cluster.isPipelineGone(pipelineId)) {
      manager.tellToClose(uuid, pipelineId);
      return;
    }
    this.counters.unknownKept++;
    this.#kept.note(pipelineId, slot);
  }

  #openIfHealthy(pipeline: PipelineRecord): void {
    if (pipeline.state !== "ALLOCATED") return;
    const { reports, manager } = this.#parts;
    // Those of EC have no members that know of them.
    if (pipeline.replication.type === "EC" || !reports.isHealthy(pipeline)) return;
    manager.open(pipeline.pipelineId, reports.leaderOf(pipeline));
  }

  #checkLater(slot: NodeSlot): void {
    if (this.#toCheck.size === 0) this.#parts.scheduler.endOfTurn(() => this.#checkNodes());
    this.#toCheck.add(slot);
  }

  #checkNodes(): void {
    const slots = [...this.#toCheck];
    this.#toCheck.clear();
    if (!this.#isRunning) return;
    for (const slot of slots) this.#check(this.#parts.nodes.index.at(slot));
  }

  /** Spec 03 §9.4, by what the datanode is now, whatever has told of it: nothing depends on who led when it
   * became so. */
  #check(node: NodeEntry): void {
    const { cluster, manager } = this.#parts;
    const fate = fateOf(node);
    const onEnd: EndCallback = (refusal) => {
      if (refusal?.code === "OVERLOADED") this.#checkAgain(node.slot);
    };
    for (const id of [...cluster.pipelines.index.idsOfNode(node.uuid)]) {
      const pipeline = cluster.pipelines.get(id);
      if (pipeline === undefined) continue;
      if (fate === "remove" || hasMoved(pipeline, node)) manager.closeAndRemove(id, onEnd);
      else if (fate === "close" && pipeline.state !== "CLOSED") manager.close(id, onEnd);
    }
  }

  #checkAgain(slot: NodeSlot): void {
    this.#toCheckAgain.add(slot);
    this.#againTimer ??= this.#parts.scheduler.after(AGAIN_MS, () => {
      this.#againTimer = undefined;
      for (const again of this.#toCheckAgain) this.#checkLater(again);
      this.#toCheckAgain.clear();
    });
  }
}

const BRINGS_MEMBER: ReadonlySet<NodeEvent> = new Set([
  "NEW_NODE",
  "NODE_ADDRESS_UPDATE",
  "READ_ONLY_HEALTHY_TO_HEALTHY_NODE",
]);

/** What becomes of the pipelines of such a datanode; undefined: nothing. */
function fateOf(node: NodeEntry): "close" | "remove" | undefined {
  if (node.health === "DEAD") return "remove";
  return isUsable(node) ? undefined : "close";
}

/** It is found elsewhere than the other members believe. */
function hasMoved({ members }: PipelineRecord, { uuid, details }: NodeEntry): boolean {
  const stored = members.find((member) => member.details.uuid === uuid)?.details;
  if (stored === undefined) return false;
  return stored.ipAddress !== details.ipAddress || stored.hostName !== details.hostName;
}
