import { assert } from "../../../../engine/core/assert.js";
import type { Scm } from "../../../../engine/scm.js";
import { checkTopology } from "../../cluster/check-topology.js";
import type { SimWorld } from "../sim-world.js";
import type { SimDatanode } from "./sim-datanode.js";
import type { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";

/** Intervals of sim-scm.ts. */
const STALE_MS = 3_000;
const DEAD_MS = 6_000;
const CHECK_MS = 500;
/** Two checks, and what lies between a heartbeat's leaving and its being taken. */
const GRACE_MS = 2 * CHECK_MS + 500;
/** Events between two looks at all invariants, which cost as much as thousands of events. */
const CLUSTER_CHECK_EVENTS = 20_000;
const HOST_CHECK_EVENTS = 64;
/** Of the fastest clock against the world's. */
const DRIFT_MAX = 1.011;

export interface ObserverParts {
  readonly world: SimWorld;
  readonly group: SimGroup;
  readonly datanodes: readonly SimDatanode[];
}

/** What was seen of one SCM in its present life. */
interface Seen {
  life: number;
  appliedIndex: number;
  nowMs: number;
}

/** Looks at the SCMs after every event: what may never be otherwise, whatever happens. */
export class Observer {
  readonly #parts: ObserverParts;
  readonly #seen = new Map<SimScm, Seen>();
  #eventCount = 0;

  constructor(parts: ObserverParts) {
    this.#parts = parts;
  }

  /** After each event. */
  look(): void {
    this.#eventCount++;
    for (const scm of this.#parts.group.all) {
      const { serving } = scm;
      if (serving === undefined) continue;
      this.#parts.group.watch.lookAtLeadership(scm, serving);
      const seen = this.#seenOf(scm);
      if (serving.cluster.appliedIndex !== seen.appliedIndex) this.#lookAtState(scm, serving, seen);
      if (this.#eventCount % HOST_CHECK_EVENTS === 0) serving.raft.checkInvariants();
      if (this.#eventCount % CLUSTER_CHECK_EVENTS === 0) serving.cluster.checkInvariants();
    }
  }

  /** A new process serves. */
  restarted(scm: SimScm, serving: Scm): void {
    serving.cluster.checkInvariants();
    serving.raft.checkInvariants();
    this.#lookAtState(scm, serving, this.#seenOf(scm));
  }

  #seenOf(scm: SimScm): Seen {
    const seen = this.#seen.get(scm);
    if (seen?.life === scm.lifeCount) return seen;
    const unseen: Seen = { life: scm.lifeCount, appliedIndex: -1, nowMs: 0 };
    this.#seen.set(scm, unseen);
    return unseen;
  }

  #lookAtState(scm: SimScm, serving: Scm, seen: Seen): void {
    const { appliedIndex, nowMs } = serving.cluster;
    const { appliedIndex: before } = seen;
    assert(appliedIndex >= before, `${scm.name}: applied fell from ${before} to ${appliedIndex}`);
    assert(nowMs >= seen.nowMs, `${scm.name}: time in the state fell from ${seen.nowMs} to ${nowMs}`);
    seen.appliedIndex = appliedIndex;
    seen.nowMs = nowMs;
    this.#parts.group.watch.lookAtState(scm, serving);
  }

  /** Health of the datanodes, now and then: as their heartbeats say. */
  lookAtHealth(): void {
    for (const scm of this.#parts.group.all) {
      const { serving } = scm;
      if (serving === undefined) continue;
      checkTopology(serving.nodes);
      if (this.#parts.world.clock.monotonicMs() - scm.awakeSinceMs < GRACE_MS) continue;
      for (const datanode of this.#parts.datanodes) this.#lookAtHealthOf(datanode, scm, serving);
    }
  }

  #lookAtHealthOf(datanode: SimDatanode, scm: SimScm, { nodes }: Scm): void {
    const slot = nodes.slotOf(datanode.uuid);
    if (slot === undefined) return;
    const counts = { containerCount: 0, pipelineCount: 0 };
    const { health, lastHeartbeatAgoMs } = nodes.node(slot, counts, scm.clock.monotonicMs());
    const name = `${scm.name}: dn${datanode.number}`;
    if (lastHeartbeatAgoMs > DEAD_MS + GRACE_MS) {
      assert(health === "DEAD", `${name} is ${health} after ${lastHeartbeatAgoMs} ms of silence`);
    } else if (lastHeartbeatAgoMs > STALE_MS + GRACE_MS) {
      assert(health === "STALE" || health === "DEAD", `${name} is ${health} after ${lastHeartbeatAgoMs} ms`);
    }
    const steady = datanode.steadyWith(scm);
    if (steady === undefined || steady.fromMs < scm.awakeSinceMs) return;
    const nowMs = this.#parts.world.clock.monotonicMs();
    const isSteady = nowMs - steady.fromMs > GRACE_MS + STALE_MS && nowMs - steady.toMs < STALE_MS - GRACE_MS;
    if (!isSteady) return;
    assert(
      lastHeartbeatAgoMs <= (nowMs - steady.toMs) * DRIFT_MAX + 1,
      `${name} was heard later than ${scm.name} says`,
    );
    assert(health === "HEALTHY" || health === "HEALTHY_READONLY", `${name} is ${health} and beats`);
  }
}
