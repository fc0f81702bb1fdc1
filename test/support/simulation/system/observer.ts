import { assert } from "../../../../engine/core/assert.js";
import type { Scm } from "../../../../engine/scm.js";
import type { SimWorld } from "../sim-world.js";
import type { SimDatanode } from "./sim-datanode.js";
import type { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

/** Intervals of sim-scm.ts. */
const STALE_MS = 3_000;
const DEAD_MS = 6_000;
const CHECK_MS = 500;
/** Two checks, and what lies between a heartbeat's leaving and its being taken. */
const GRACE_MS = 2 * CHECK_MS + 500;
/** Events between two looks at all invariants, which cost as much as thousands of events. */
const CLUSTER_CHECK_EVENTS = 20_000;
const HOST_CHECK_EVENTS = 64;

export interface ObserverParts {
  readonly world: SimWorld;
  readonly scm: SimScm;
  readonly trace: SimTrace;
  readonly datanodes: readonly SimDatanode[];
}

/** Looks at the SCM after every event: what may never be otherwise, whatever happens. */
export class Observer {
  readonly #parts: ObserverParts;
  /** Hash of the state at each applied index: the same for ever, also when a start comes there again. */
  readonly #hashes = new Map<number, string>();
  #appliedIndex = 0;
  #nowMs = 0;
  #term = 0;
  #eventCount = 0;

  constructor(parts: ObserverParts) {
    this.#parts = parts;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** After each event. */
  look(): void {
    this.#eventCount++;
    const scm = this.#parts.scm.serving;
    if (scm === undefined) return;
    if (scm.cluster.appliedIndex !== this.#appliedIndex) this.#lookAtState(scm);
    if (this.#eventCount % HOST_CHECK_EVENTS === 0) scm.raft.checkInvariants();
    if (this.#eventCount % CLUSTER_CHECK_EVENTS === 0) scm.cluster.checkInvariants();
  }

  /** A new process serves. */
  restarted(scm: Scm): void {
    const { cluster, raft } = scm;
    const { term } = raft.leadership;
    assert(term > this.#term, `term ${term} after ${this.#term}`);
    this.#term = term;
    assert(
      cluster.appliedIndex > this.#appliedIndex,
      `applied is ${cluster.appliedIndex} after a start, was ${this.#appliedIndex}`,
    );
    cluster.checkInvariants();
    raft.checkInvariants();
    this.#lookAtState(scm);
  }

  #lookAtState({ cluster }: Scm): void {
    const { appliedIndex, nowMs } = cluster;
    const hash = cluster.hash();
    const before = this.#hashes.get(appliedIndex);
    assert(
      before === undefined || before === hash,
      `two states at index ${appliedIndex}: ${before}, ${hash}`,
    );
    assert(appliedIndex >= this.#appliedIndex, `applied fell from ${this.#appliedIndex} to ${appliedIndex}`);
    assert(nowMs >= this.#nowMs, `time in the state fell from ${this.#nowMs} to ${nowMs}`);
    this.#hashes.set(appliedIndex, hash);
    this.#appliedIndex = appliedIndex;
    this.#nowMs = nowMs;
    this.#parts.trace.line("state", `${appliedIndex} ${hash}`);
  }

  /** Health of the datanodes, now and then: as their heartbeats say. */
  lookAtHealth(): void {
    const { scm, world, datanodes } = this.#parts;
    const serving = scm.serving;
    if (serving === undefined) return;
    const nowMs = world.clock.monotonicMs();
    if (nowMs - scm.awakeSinceMs < GRACE_MS) return;
    for (const datanode of datanodes) {
      const slot = serving.nodes.slotOf(datanode.uuid);
      if (slot === undefined) continue;
      const counts = { containerCount: 0, pipelineCount: 0 };
      const { health, lastHeartbeatAgoMs } = serving.nodes.node(slot, counts, nowMs);
      const name = `dn${datanode.number}`;
      if (lastHeartbeatAgoMs > DEAD_MS + GRACE_MS) {
        assert(health === "DEAD", `${name} is ${health} after ${lastHeartbeatAgoMs} ms of silence`);
      } else if (lastHeartbeatAgoMs > STALE_MS + GRACE_MS) {
        assert(
          health === "STALE" || health === "DEAD",
          `${name} is ${health} after ${lastHeartbeatAgoMs} ms`,
        );
      }
      const { steady } = datanode;
      if (steady === undefined || steady.fromMs < scm.awakeSinceMs) continue;
      const isSteady =
        nowMs - steady.fromMs > GRACE_MS + STALE_MS && nowMs - steady.toMs < STALE_MS - GRACE_MS;
      if (!isSteady) continue;
      assert(lastHeartbeatAgoMs <= nowMs - steady.toMs, `${name} was heard later than the SCM says`);
      assert(health === "HEALTHY" || health === "HEALTHY_READONLY", `${name} is ${health} and beats`);
    }
  }
}
