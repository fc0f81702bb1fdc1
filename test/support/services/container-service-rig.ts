import type { Operation } from "../../../engine/cluster/operation.js";
import type { ProposalCallback } from "../../../engine/consensus/consensus.js";
import { StrataError } from "../../../engine/core/errors.js";
import { ContainerCloser } from "../../../engine/services/container-closer.js";
import { ContainerDecisions } from "../../../engine/services/container-decisions.js";
import { ContainerProposals } from "../../../engine/services/container-proposals.js";
import { DeadNodeContainers } from "../../../engine/services/dead-node-containers.js";
import type { Service } from "../../../engine/services/service.js";
import type { Command, ContainerRecord, PipelineRecord } from "../../../protocol/schema/records.js";
import type { ContainerReplicas, NodeIds, ReplicaFacts } from "../../../workers/pool/replica-store.js";
import type { LiveUsage } from "../../../workers/shared/shard-records.js";
import { AppliedState } from "../cluster/applied-state.js";
import { containerRecord, importBatch, seedCluster, uuidOf } from "../cluster/builders.js";
import { DEAD_MS, NodeRig, PROCESS_MS } from "../cluster/node-rig.js";
import { ManualScheduler } from "../consensus/manual-scheduler.js";

export const CLOSE_WAIT_MS = 150_000;
export const PROPOSALS_MAX = 50;
const TERM = 5;

/** The container services on real tables and a real node manager; proposals wait until the test settles
 * them. Datanodes 1 to 4 are registered. */
export class ContainerServiceRig {
  readonly time = new ManualScheduler();
  readonly applied = new AppliedState();
  readonly nodes = new NodeRig({
    mayDelete: (id) => this.decisions.mayDelete(id),
    nodeCountMax: 10,
    listener: {
      onEvent: (event, slot) => this.deadNodes.nodeEvent(event, slot),
      onNodeChanged: () => {},
      onPurge: () => {},
    },
  });
  readonly decisions: ContainerDecisions;
  readonly closer: ContainerCloser;
  readonly deadNodes: DeadNodeContainers;
  readonly log: string[] = [];
  /** What a shard answers; datanodes by number. */
  readonly holders = new Map<number, readonly number[]>();
  /** What datanodes have reported, by number: ids ascend. */
  readonly sets = new Map<number, readonly number[]>();
  /** Ids in a page of a set. */
  pageSize = 1024;
  /** Of containers that reports told of. */
  readonly live = new Map<number, LiveUsage>();
  queryError: StrataError | undefined;
  onQuery: (containerId: number) => void = () => {};
  recheckCount = 0;
  /** Containers about which the shards are to decide again. */
  readonly decidedAgain: number[] = [];
  /** Proposals that find no room: why. */
  refusal: StrataError | undefined;
  readonly #importAllowed: boolean;
  #waiting: { readonly operation: Operation; readonly onOutcome: ProposalCallback }[] = [];

  /** Containers are imported; where that is not allowed, they are created. */
  constructor({ importAllowed = true } = {}) {
    this.applied.nowMs = this.time.wallMs();
    this.#importAllowed = importAllowed;
    this.applied.done(seedCluster(importAllowed));
    this.nodes.leader = { isLeader: false, term: TERM };
    const shared = {
      scheduler: this.time,
      clock: this.time,
      logger: { warn: (message: string) => void this.log.push(message) },
      nodes: this.nodes.manager,
      proposals: new ContainerProposals(PROPOSALS_MAX, (operation, onOutcome) =>
        this.#propose(operation, onOutcome),
      ),
      leader: () => this.nodes.leader,
    };
    this.decisions = new ContainerDecisions({
      ...shared,
      cluster: this.applied.state,
      recheckContainers: () => this.recheckCount++,
      decideAgain: (id) => this.decidedAgain.push(id),
    });
    this.closer = new ContainerCloser({
      ...shared,
      cluster: this.applied.state,
      replicas: {
        queryReplicas: (id, onAnswer) => {
          this.onQuery(id);
          onAnswer(this.queryError ?? this.#facts(id));
        },
        liveUsage: (id, into) => Object.assign(into, this.live.get(id)) && this.live.has(id),
      },
      waitMs: CLOSE_WAIT_MS,
    });
    this.deadNodes = new DeadNodeContainers({
      ...shared,
      cluster: this.applied.state,
      replicas: {
        nodeContainers: (slot, { fromId }, onIds) => onIds(this.queryError ?? this.#idsOf(slot, fromId)),
      },
      closer: this.closer,
    });
    for (const service of this.#services) service.start();
    for (const number of [1, 2, 3, 4]) this.nodes.accept(number);
  }

  /** This SCM's standing; each time it leads in a term of its own. */
  lead(leads = true): this {
    const { term } = this.nodes.leader;
    this.nodes.become({ isLeader: leads, term: leads ? term + 1 : term });
    for (const service of this.#services) service.onStatus(leads, false);
    return this;
  }

  get #services(): readonly Service[] {
    return [this.decisions, this.closer, this.deadNodes];
  }

  add(
    containerId: number,
    changes: Partial<ContainerRecord> = {},
    pipelines: readonly PipelineRecord[] = [],
  ): this {
    this.applied.nowMs = this.time.wallMs();
    const record = containerRecord(containerId, { stateEnterTimeMs: this.applied.nowMs, ...changes });
    if (this.#importAllowed) this.applied.done(importBatch([record], pipelines));
    else this.applied.state.containers.add(record);
    this.#tellChanges();
    return this;
  }

  stateOf(containerId: number): string {
    return this.applied.state.containers.get(containerId)?.state ?? "none";
  }

  /** Operations without outcome. */
  get waiting(): readonly Operation[] {
    return this.#waiting.map(({ operation }) => operation);
  }

  /** Applies what waits as one entry; results are told when all of it is applied. Returns how each ended, 0 =
   * done. */
  settle(): number[] {
    const waiting = this.#waiting.splice(0);
    this.applied.nowMs = this.time.wallMs();
    const results = this.applied.apply(...waiting.map(({ operation }) => operation));
    this.#tellChanges();
    waiting.forEach(({ onOutcome }, at) => {
      onOutcome(results[at] as (typeof results)[number]);
    });
    return results.map(({ error }) => error);
  }

  /** What waits gets no answer. */
  fail(code: "OUTCOME_UNKNOWN" | "OVERLOADED" = "OUTCOME_UNKNOWN"): void {
    for (const { onOutcome } of this.#waiting.splice(0)) onOutcome(new StrataError(code, { reason: "test" }));
  }

  /** What the datanode's next heartbeat brings it. */
  commandsOf(datanode: number): readonly Command[] {
    return this.nodes.beat(datanode).commands;
  }

  slotOf(datanode: number): number {
    return this.nodes.manager.slotOf(uuidOf(datanode)) as number;
  }

  /** Lets the datanode be silent until it is DEAD; the others send heartbeats. */
  die(datanode: number): void {
    const others = [1, 2, 3, 4].filter((other) => other !== datanode);
    this.nodes.run(DEAD_MS + 2 * PROCESS_MS, others);
  }

  #idsOf(slot: number, fromId: number): NodeIds {
    const [, all = []] = [...this.sets].find(([datanode]) => this.slotOf(datanode) === slot) ?? [];
    const left = all.filter((id) => id >= fromId);
    return { ids: left.slice(0, this.pageSize), nextContainerId: left[this.pageSize] ?? 0 };
  }

  #propose(operation: Operation, onOutcome: ProposalCallback): void {
    if (this.refusal !== undefined) onOutcome(this.refusal);
    else this.#waiting.push({ operation, onOutcome });
  }

  #tellChanges(): void {
    for (const id of this.applied.changedContainers.splice(0)) this.closer.containerChanged(id);
  }

  #facts(containerId: number): ContainerReplicas {
    const facts = { origin: 0, state: 1, replicaIndex: 0, isEmpty: false, sequenceId: 1 };
    const replicas = (this.holders.get(containerId) ?? []).map((datanode) => ({
      ...facts,
      node: this.slotOf(datanode) as ReplicaFacts["node"],
      keyCount: 0,
      usedBytes: 0,
      dataChecksum: 0n,
    }));
    return { replicas, live: undefined };
  }
}
