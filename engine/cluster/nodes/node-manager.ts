import type { Command, LayoutVersion, NodeRecord, NodeReport } from "../../../protocol/schema/records.js";
import { assert } from "../../core/assert.js";
import type { CommandType, NodeHealth } from "../../core/enums.js";
import type { NodeSlot } from "../../core/ids.js";
import { NODE_SLOT_COUNT_MAX } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { DeleteFence } from "../deletion/delete-fence.js";
import { normalized } from "../topology/location.js";
import type { Topology } from "../topology/topology.js";
import { NodeEntry } from "./node-entry.js";
import { EVENT_OF_HEALTH, healthSteps, isSameLayout } from "./node-health.js";
import { NodeIndex } from "./node-index.js";
import { NodeRows } from "./node-rows.js";
import type {
  Heartbeat,
  HeartbeatOutcome,
  LeaderView,
  NodeCommand,
  NodeCounters,
  NodeEvent,
  NodeFilter,
  NodeIntent,
  NodeManagerOptions,
  NodePage,
  PeerAddress,
  RegisterOutcome,
  Registration,
  RegistrationCase,
} from "./node-types.js";
import { failedVolumeCount, usageOf } from "./node-usage.js";
import { caseOf, recordedDetails } from "./registration.js";

/** Commands of one answer; the rest leaves with the next one. */
const DRAIN_COUNT_MAX = 1024;

/** Everything observed about datanodes (spec 01): never logged, never on disk. Pure: times are passed in, in
 * ms of the monotonic clock. */
export class NodeManager {
  readonly #options: NodeManagerOptions;
  readonly #rows: NodeRows;
  readonly index = new NodeIndex();
  /** Its leaves are the nodes that are not DEAD, whatever their operational state (spec 03 §12.2 rule 4). */
  readonly topology: Topology;
  readonly #intents = new Map<Uuid, NodeIntent>();
  /** Nodes whose next answers ask for a full report. */
  readonly #wanted = new Set<NodeSlot>();
  /** Nodes whose full report was merged since they registered. */
  readonly #complete = new Set<NodeSlot>();
  /** Asked before a replica is deleted. */
  readonly deleteFence = new DeleteFence();
  /** In which this SCM leads, 0 = it does not. */
  #ledTerm = 0;
  #nextCommandId: number;
  #lastTickMs: number | undefined;
  readonly #counters: NodeCounters = {
    heartbeatCount: 0,
    unknownHeartbeatCount: 0,
    nodeReportCount: 0,
    commandQueueReportCount: 0,
    pauseCount: 0,
    refusedCommandCount: 0,
    droppedDeleteCount: 0,
  };

  constructor(options: NodeManagerOptions) {
    assert(options.processIntervalMs > 0, "process interval must be positive");
    assert(options.processIntervalMs < options.staleIntervalMs, "stale interval is too short");
    assert(options.staleIntervalMs < options.deadIntervalMs, "dead interval is too short");
    assert(options.nodeCountMax <= NODE_SLOT_COUNT_MAX, "more nodes than slots");
    this.#options = options;
    this.topology = options.topology;
    this.#rows = new NodeRows(options.nodeCountMax);
    this.#nextCommandId = options.firstCommandId;
  }

  /** SharedArrayBuffer with one NODE_ROW a slot, for shards and admin. */
  get rows(): SharedArrayBuffer {
    return this.#rows.buffer;
  }

  get counters(): Readonly<NodeCounters> {
    return this.#counters;
  }

  get nodeCount(): number {
    return this.index.count;
  }

  /** Spec 01 §3. The caller feeds the full report that follows with *from registration*. Known nodes are
   * updated in place: their containers, commands and pipelines stay, their report is taken in every case
   * (§16.1, §16.2). */
  register(request: Registration, peer: PeerAddress | undefined, nowMs: number): RegisterOutcome {
    const { layout, nodeCountMax } = this.#options;
    if (request.layout.software !== layout.software) {
      const details = { given: request.layout.software, expected: layout.software };
      return { kind: "refused", code: "DATANODE_LAYOUT_NOT_PERMITTED", details };
    }
    const details = recordedDetails(request.details, peer, this.#options);
    const { networkLocation: location = "" } = details;
    const reason = this.topology.problemOf(location);
    if (reason !== undefined) {
      return {
        kind: "refused",
        code: "TOPOLOGY_LOCATION",
        details: { uuid: details.uuid, location, reason },
      };
    }
    let node = this.index.get(details.uuid);
    let which: RegistrationCase = "new";
    if (node === undefined) {
      if (this.index.count >= nodeCountMax) {
        return { kind: "refused", code: "NODE_LIMIT", details: { limit: nodeCountMax } };
      }
      node = new NodeEntry(this.index.nextSlot, details, request.layout, nowMs);
      this.index.add(node);
    } else {
      which = caseOf(node.details, details);
      this.index.replaceDetails(node, details);
    }
    this.#refresh(node, request, which, nowMs);
    this.#options.listener.onNodeChanged(node);
    if (which === "new") this.#emit("NEW_NODE", node);
    if (which === "moved") this.#emit("NODE_ADDRESS_UPDATE", node);
    return { kind: "accepted", slot: node.slot, case: which, details: node.details };
  }

  /** Spec 01 §4.2; call it before the container reports of the same heartbeat. Commands are drained into the
   * answer; when the answer cannot be sent, hand them to `takeBack`. */
  heartbeat(uuid: Uuid, beat: Heartbeat, leader: LeaderView, nowMs: number): HeartbeatOutcome {
    const term = leader.isLeader ? leader.term : 0;
    const node = this.index.get(uuid);
    if (node === undefined) {
      this.#counters.unknownHeartbeatCount++;
      return { isKnown: false, term, commands: [this.#reregister()], fullReportWanted: false };
    }
    this.#counters.heartbeatCount++;
    node.lastHeartbeatMs = nowMs;
    let isChanged = this.#takeLayout(node, beat.layout);
    if (leader.isLeader) this.#askToFinalize(node, term);
    isChanged = this.#reconcile(node, beat, leader) || isChanged;
    if (beat.nodeReport !== undefined) this.#takeReport(node, beat.nodeReport);
    if (isChanged || beat.nodeReport !== undefined) this.#options.listener.onNodeChanged(node);
    const commands = leader.isLeader ? this.#drained(node, term) : NO_COMMANDS;
    this.#tellFence(node, beat);
    isChanged = this.#takeCommandCounts(node, beat.commandCounts, commands) || isChanged;
    if (isChanged || commands.length > 0 || beat.nodeReport !== undefined) this.#rows.publish(node);
    else this.#rows.publishHeartbeat(node);
    return { isKnown: true, term, commands, fullReportWanted: this.#wanted.has(node.slot) };
  }

  /** Puts drained commands of an answer that was never written back to the front of the queue (spec 12 §8.2
   * H5). */
  takeBack(uuid: Uuid, commands: readonly Command[]): void {
    const node = this.index.get(uuid);
    if (node === undefined) return;
    node.queue.takeBack(commands);
    this.#rows.publish(node);
  }

  /** Queues a command of the term in which `leader` leads now; one of the same type for the same container or
   * pipeline that waits is replaced. False when this SCM does not lead, the node is not known, or its queue
   * is full. */
  queueCommand(uuid: Uuid, command: NodeCommand, leader: LeaderView): boolean {
    const node = this.index.get(uuid);
    if (node === undefined || !leader.isLeader) return false;
    const isQueued = node.queue.push(this.#numbered(command, leader.term));
    if (!isQueued) this.#counters.refusedCommandCount++;
    this.#rows.publish(node);
    return isQueued;
  }

  /** This SCM's standing changed: what was decided in an earlier term must not be sent in another one. */
  standingChanged({ isLeader, term }: LeaderView, nowMs: number): void {
    const ledTerm = isLeader ? term : 0;
    if (ledTerm === this.#ledTerm) return;
    this.#ledTerm = ledTerm;
    if (isLeader) this.deleteFence.startTerm(term, nowMs);
    else this.deleteFence.endTerm();
    for (const node of this.index.all()) {
      if (node.queue.length === 0) continue;
      node.queue.clear();
      this.#rows.publish(node);
    }
  }

  /** One step of the health state machine, every process interval (spec 01 §7.2). A pause of this process is
   * no silence of the datanodes: every last heartbeat is moved by its length (§16.4). */
  tick(nowMs: number): void {
    const { processIntervalMs, staleIntervalMs, deadIntervalMs, layout } = this.#options;
    const pauseMs = nowMs - (this.#lastTickMs ?? nowMs) - processIntervalMs;
    const isPause = pauseMs >= processIntervalMs;
    if (isPause) this.#counters.pauseCount++;
    this.#lastTickMs = nowMs;
    for (const node of this.index.all()) {
      if (isPause) node.lastHeartbeatMs = Math.min(nowMs, node.lastHeartbeatMs + pauseMs);
      const steps = healthSteps(node.health, {
        isFresh: node.lastHeartbeatMs >= nowMs - staleIntervalMs,
        isGone: node.lastHeartbeatMs < nowMs - deadIntervalMs,
        layoutsMatch: isSameLayout(node.layout, layout),
        mismatchCounts: this.#isFinalized,
      });
      for (const { to, event } of steps) this.#enterHealth(node, to, event);
      if (steps.length > 0) this.#options.listener.onNodeChanged(node);
      if (isPause || steps.length > 0) this.#rows.publish(node);
    }
  }

  /** An intent was applied from the log, or loaded at boot: it wins over what the datanode's disk says, on
   * every SCM (spec 01 §16.3). */
  applyIntent(uuid: Uuid, intent: NodeIntent): void {
    this.#intents.set(uuid, intent);
    const node = this.index.get(uuid);
    if (node === undefined) return;
    this.#enterOperationalState(node, intent);
    this.#options.listener.onNodeChanged(node);
    this.#rows.publish(node);
  }

  /** The mapping tells another rack than at registration. The problem when that is no rack. */
  relocate(slot: NodeSlot, location: string): string | undefined {
    const node = this.index.at(slot);
    const networkLocation = normalized(location);
    if (node.details.networkLocation === networkLocation) return undefined;
    const problem = this.topology.problemOf(networkLocation);
    if (problem !== undefined) return problem;
    this.index.replaceDetails(node, { ...node.details, networkLocation });
    this.#putIntoTree(node);
    this.#options.listener.onNodeChanged(node);
    return undefined;
  }

  /** The next heartbeat answers ask for a full report until one begins. */
  wantFullReport(slot: NodeSlot): void {
    this.#wanted.add(slot);
    this.#complete.delete(slot);
  }

  fullReportBegun(slot: NodeSlot): void {
    this.#wanted.delete(slot);
  }

  /** The shards have merged a full report (spec 12 §8.2 H3). */
  fullReportComplete(slot: NodeSlot): void {
    this.#complete.add(slot);
  }

  /** Merged replicas were lost with a shard: no node counts as reported any more. */
  fullReportsLost(): void {
    this.#complete.clear();
  }

  slotOf(uuid: Uuid): NodeSlot | undefined {
    return this.index.get(uuid)?.slot;
  }

  uuidOf(slot: NodeSlot): Uuid {
    return this.index.at(slot).uuid;
  }

  /** The NODE record for admin. Container and pipeline counts come from their owners. */
  node(
    slot: NodeSlot,
    counts: { readonly containerCount: number; readonly pipelineCount: number },
    nowMs: number,
  ): NodeRecord {
    const node = this.index.at(slot);
    return {
      details: node.details,
      health: node.health,
      operationalState: node.operationalState,
      operationalStateExpiry: node.operationalStateExpiry,
      layout: node.layout,
      lastHeartbeatAgoMs: Math.max(0, Math.floor(nowMs - node.lastHeartbeatMs)),
      ...(node.report === undefined ? {} : { report: node.report }),
      containerCount: counts.containerCount,
      pipelineCount: counts.pipelineCount,
      fullReportComplete: this.#complete.has(slot),
    };
  }

  /** Up to `countMax` nodes in uuid order, after `after`. A missing part of the filter fits all. */
  list(filter: NodeFilter, after: Uuid | undefined, countMax: number): NodePage {
    const slots: NodeSlot[] = [];
    for (const node of this.index.inOrder(after)) {
      if (filter.health !== undefined && node.health !== filter.health) continue;
      if (filter.operationalState !== undefined && node.operationalState !== filter.operationalState)
        continue;
      if (slots.length === countMax) return { slots, more: true };
      slots.push(node.slot);
    }
    return { slots, more: false };
  }

  /** Commands of a type that wait on the datanode, as it told last; −1 when it told nothing of them. */
  reportedCommandCount(slot: NodeSlot, type: CommandType): number {
    return this.index.at(slot).reportedCommands.get(type) ?? -1;
  }

  /** Commands of a type that wait here or there (spec 01 §4.4). */
  totalCommandCount(slot: NodeSlot, type: CommandType): number {
    const node = this.index.at(slot);
    return node.queue.countOf(type) + (node.reportedCommands.get(type) ?? 0);
  }

  get #isFinalized(): boolean {
    return this.#options.layout.metadata === this.#options.layout.software;
  }

  /** What a registration brings to a new or a known record (spec 01 §3.3): a record that the reference would
   * replace starts healthy again, in case `same` health stays. At registration the datanode is the source of
   * its operational state, unless an operator's intent says otherwise. */
  #refresh(node: NodeEntry, request: Registration, which: RegistrationCase, nowMs: number): void {
    node.layout = request.layout;
    node.lastHeartbeatMs = nowMs;
    if (which !== "same") node.health = this.#initialHealth(request.layout);
    this.#putIntoTree(node);
    const { operationalState, expirySeconds } = this.#intents.get(node.uuid) ?? ownState(node);
    node.operationalState = operationalState;
    node.operationalStateExpiry = expirySeconds;
    this.#complete.delete(node.slot);
    this.deleteFence.registered(node.slot);
    this.#takeReport(node, request.report);
    this.#rows.publish(node);
  }

  #initialHealth(layout: LayoutVersion): NodeHealth {
    return this.#isFinalized && !isSameLayout(layout, this.#options.layout) ? "HEALTHY_READONLY" : "HEALTHY";
  }

  /** Takes the first commands out. All commands of an answer carry its term; datanodes drop lower ones (spec
   * 01 §6). */
  #drained({ queue }: NodeEntry, term: number): readonly Command[] {
    if (queue.length === 0) return NO_COMMANDS;
    const hasDeletes = queue.countOf("deleteContainerCommand") > 0;
    const commands = queue.drain(term, DRAIN_COUNT_MAX);
    return hasDeletes ? commands.filter((command) => this.#isStillWanted(command)) : commands;
  }

  #isStillWanted({ type, containerId }: Command): boolean {
    if (type !== "deleteContainerCommand" || containerId === undefined) return true;
    const isWanted = this.#options.mayDelete(containerId);
    if (!isWanted) this.#counters.droppedDeleteCount++;
    return isWanted;
  }

  /** True when it is another one than before. */
  #takeLayout(node: NodeEntry, layout: LayoutVersion | undefined): boolean {
    if (layout === undefined || isSameLayout(layout, node.layout)) return false;
    node.layout = layout;
    return true;
  }

  /** Spec 01 §4.2 step 2; repeated with every heartbeat until the datanode has caught up. */
  #askToFinalize(node: NodeEntry, term: number): void {
    if (!this.#isFinalized || node.layout.metadata >= this.#options.layout.metadata) return;
    const { software } = node.layout;
    const layout = { metadata: software, software };
    node.queue.push(this.#numbered({ type: "finalizeNewLayoutVersionCommand", deadlineMs: 0, layout }, term));
  }

  /** Spec 01 §8.2 with §16.3: an intent of the log wins, and the leader sends it until the datanode has
   * written it down; without one the datanode's own state counts. True when the record changed. */
  #reconcile(node: NodeEntry, beat: Heartbeat, leader: LeaderView): boolean {
    const { persistedOpState, persistedOpStateExpiry } = beat;
    let isChanged = false;
    if (
      persistedOpState !== (node.details.persistedOpState ?? "IN_SERVICE") ||
      persistedOpStateExpiry !== (node.details.persistedOpStateExpiry ?? 0)
    ) {
      this.index.replaceDetails(node, { ...node.details, persistedOpState, persistedOpStateExpiry });
      isChanged = true;
    }
    const intent = this.#intents.get(node.uuid);
    const operationalState = intent?.operationalState ?? persistedOpState;
    const expirySeconds = intent?.expirySeconds ?? persistedOpStateExpiry;
    if (node.operationalState !== operationalState || node.operationalStateExpiry !== expirySeconds) {
      this.#enterOperationalState(node, { operationalState, expirySeconds });
      isChanged = true;
    }
    if (!leader.isLeader) return isChanged;
    // Without an intent the two are equal by now.
    if (operationalState === persistedOpState && expirySeconds === persistedOpStateExpiry) return isChanged;
    node.queue.push(
      this.#numbered(
        {
          type: "setNodeOperationalStateCommand",
          deadlineMs: 0,
          operationalState,
          operationalStateExpiry: expirySeconds,
        },
        leader.term,
      ),
    );
    return isChanged;
  }

  /** A change of the state, not of its expiry alone, tells the services again how the node is (spec 01 §7.2).
   */
  #enterOperationalState(node: NodeEntry, { operationalState, expirySeconds }: NodeIntent): void {
    const isOther = node.operationalState !== operationalState;
    node.operationalState = operationalState;
    node.operationalStateExpiry = expirySeconds;
    if (isOther) this.#announce(node, EVENT_OF_HEALTH[node.health]);
  }

  #enterHealth(node: NodeEntry, health: NodeHealth, event: NodeEvent): void {
    const wasDead = node.health === "DEAD";
    node.health = health;
    this.#putIntoTree(node);
    // If its replicas were taken away when it died, only a full report brings them back.
    if (wasDead && !this.#complete.has(node.slot)) this.wantFullReport(node.slot);
    this.#announce(node, event);
  }

  #putIntoTree({ slot, health, details }: NodeEntry): void {
    if (health === "DEAD") this.topology.remove(slot);
    else
      assert(this.topology.place(slot, details.networkLocation ?? "") === undefined, "location was checked");
  }

  /** Spec 01 §7.4: a dead node's commands go, and its replicas unless it is in maintenance. */
  #announce(node: NodeEntry, event: NodeEvent): void {
    this.#emit(event, node);
    if (event !== "DEAD_NODE") return;
    node.queue.clear();
    if (node.operationalState === "IN_MAINTENANCE") return;
    this.#complete.delete(node.slot);
    this.#options.listener.onPurge(node.slot, node.uuid);
  }

  #emit(event: NodeEvent, node: NodeEntry): void {
    this.#options.listener.onEvent(event, node.slot, node.uuid);
  }

  /** Replaces all stored counts; what leaves in this very answer is added (spec 01 §4.4). */
  #takeCommandCounts(
    node: NodeEntry,
    counts: Heartbeat["commandCounts"],
    outgoing: readonly Command[],
  ): boolean {
    if (counts === undefined) return false;
    this.#counters.commandQueueReportCount++;
    const stored = node.reportedCommands;
    if (counts.length + outgoing.length + stored.size === 0) return false;
    stored.clear();
    node.reportedCommandCount = 0;
    for (const { type, count } of counts) {
      if (type !== "unknownScmCommand") stored.set(type, count);
    }
    for (const { type } of outgoing) stored.set(type, (stored.get(type) ?? 0) + 1);
    for (const count of stored.values()) node.reportedCommandCount += count;
    return true;
  }

  #tellFence(node: NodeEntry, { commandCounts, termSeen }: Heartbeat): void {
    if (commandCounts === undefined) return;
    const deletes = commandCounts.find(({ type }) => type === "deleteContainerCommand");
    this.deleteFence.reported(node.slot, termSeen, deletes?.count ?? 0);
  }

  #takeReport(node: NodeEntry, report: NodeReport): void {
    node.report = report;
    node.usage = usageOf(report);
    node.failedVolumeCount = failedVolumeCount(report);
    this.#counters.nodeReportCount++;
  }

  /** Ids are unique within this process; a datanode takes the container of a close command from its id (spec
   * 12 §5.4 rule 2), and a reconcile command has the container's too. */
  #numbered(command: NodeCommand, term: number): Command {
    const { type, containerId } = command;
    const isNamedByContainer = type === "closeContainerCommand" || type === "reconcileContainerCommand";
    if (isNamedByContainer && containerId !== undefined) return { commandId: containerId, term, ...command };
    return { commandId: this.#nextCommandId++, term, ...command };
  }

  #reregister(): Command {
    return this.#numbered({ type: "reregisterCommand", deadlineMs: 0 }, 0);
  }
}

const NO_COMMANDS: readonly Command[] = [];

/** What a datanode that no operator has spoken for brings to its record (spec 01 §3.3). */
function ownState({ persisted }: NodeEntry): NodeIntent {
  return persisted.operationalState === "IN_SERVICE" ? { ...persisted, expirySeconds: 0 } : persisted;
}
