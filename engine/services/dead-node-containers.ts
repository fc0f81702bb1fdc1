import type { NodeIds, ReplicaStore } from "../../workers/pool/replica-store.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { NodeEvent } from "../cluster/nodes/node-types.js";
import { CONTAINER_STATE } from "../core/enums.js";
import { StrataError } from "../core/errors.js";
import type { NodeSlot } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { ContainerCloser } from "./container-closer.js";
import type { Service } from "./service.js";

/** Looked at in one step, in a fraction of a millisecond. */
const CONTAINERS_PER_STEP = 1024;
/** Between two steps, so that other work comes in between. */
const STEP_MS = 2;
/** After the shards or the log had no room. */
const AGAIN_MS = 1000;

export interface DeadNodeContainersParts {
  readonly scheduler: Scheduler;
  readonly cluster: Pick<ClusterState, "containers">;
  readonly nodes: Pick<NodeManager, "index">;
  readonly replicas: Pick<ReplicaStore, "nodeContainers">;
  readonly closer: Pick<ContainerCloser, "finalize">;
}

/** Brings the open containers of DEAD datanodes to CLOSING, on the leader (spec 01 §7.4, step 2). Those on
 * its pipelines close with these; but an imported container may have no pipeline, or one of other datanodes,
 * and only the set of what the datanode has reported, which outlives its replicas, knows of it. One datanode
 * at a time, by what it is now, whoever led when it died. */
export class DeadNodeContainers implements Service {
  readonly name = "containers of dead datanodes";
  /** Since start. */
  readonly counters = { closed: 0 };
  readonly #parts: DeadNodeContainersParts;
  /** Of this term: datanodes that are still to be looked at, in this order. */
  #dead: Set<NodeSlot> | undefined;
  /** The one that is being looked at. */
  #current: NodeSlot | undefined;
  /** A step is due, or waits for the shards. */
  #isBusy = false;
  /** The log gave no answer: the next step waits longer. */
  #isRefused = false;
  #timer: Timer | undefined;

  constructor(parts: DeadNodeContainersParts) {
    this.#parts = parts;
  }

  start(): void {}

  stop(): void {
    this.#forget();
  }

  onStatus(leaderReady: boolean): void {
    if (leaderReady === (this.#dead !== undefined)) return;
    if (!leaderReady) {
      this.#forget();
      return;
    }
    this.#dead = new Set();
    for (const { slot, health } of this.#parts.nodes.index.all()) if (health === "DEAD") this.#add(slot);
  }

  status(): "RUNNING" | "PAUSED" {
    return this.#dead === undefined ? "PAUSED" : "RUNNING";
  }

  nodeEvent(event: NodeEvent, slot: NodeSlot): void {
    if (event === "DEAD_NODE") this.#add(slot);
  }

  #add(slot: NodeSlot): void {
    if (this.#dead === undefined) return;
    this.#dead.add(slot);
    // At the end of this turn its pipelines are closed, with their containers.
    if (!this.#isBusy) this.#goOn(1);
  }

  #goOn(fromId: number, afterMs = this.#isRefused ? AGAIN_MS : STEP_MS): void {
    this.#isBusy = true;
    this.#isRefused = false;
    this.#timer = this.#parts.scheduler.after(afterMs, () => this.#step(fromId));
  }

  #step(fromId: number): void {
    const { nodes, replicas } = this.#parts;
    const term = this.#dead;
    const slot = this.#current ?? this.#next();
    if (slot === undefined) {
      this.#isBusy = false;
      return;
    }
    if (nodes.index.at(slot).health !== "DEAD") {
      this.#finish();
      return;
    }
    replicas.nodeContainers(slot, { fromId, countMax: CONTAINERS_PER_STEP }, (answer) => {
      if (this.#dead !== term) return;
      if (answer instanceof StrataError) this.#goOn(fromId, AGAIN_MS);
      else this.#close(slot, answer);
    });
  }

  #next(): NodeSlot | undefined {
    const [slot] = this.#dead ?? [];
    if (slot !== undefined) this.#dead?.delete(slot);
    this.#current = slot;
    return slot;
  }

  #close(slot: NodeSlot, { ids, nextContainerId }: NodeIds): void {
    const { table } = this.#parts.cluster.containers;
    for (const id of ids) {
      if (table.state(id) !== CONTAINER_STATE.OPEN || this.#finalize(slot, id)) continue;
      this.#goOn(id, AGAIN_MS);
      return;
    }
    if (nextContainerId === 0) this.#finish();
    else this.#goOn(nextContainerId);
  }

  #finalize(slot: NodeSlot, containerId: number): boolean {
    return this.#parts.closer.finalize(containerId, (end) => {
      if (end === "done") this.counters.closed++;
      else if (end === "unanswered") {
        // From the begin once more: what is closed by then costs a look.
        this.#isRefused = true;
        this.#add(slot);
      }
    });
  }

  #finish(): void {
    this.#current = undefined;
    this.#goOn(1);
  }

  #forget(): void {
    this.#dead = undefined;
    this.#current = undefined;
    this.#isBusy = false;
    this.#isRefused = false;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
