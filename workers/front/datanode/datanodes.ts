import { StrataError } from "../../../engine/core/errors.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import type { FrontContext } from "../front-context.js";
import { AwakeClock } from "./awake-clock.js";
import { Datanode } from "./datanode.js";

/** Heartbeat intervals between two heartbeats when the one between them is missing. */
const GAP_INTERVALS = 1.7;
/** A datanode whose own interval is longer than ours has a gap each time. */
const NEXT_GAP_MS = 10 * 60_000;

/** The datanodes that have registered here, until they are silent so long that main takes them for dead. */
export class Datanodes {
  readonly #context: FrontContext;
  readonly #clock: AwakeClock;
  readonly #byUuid = new Map<Uuid, Datanode>();

  constructor(context: FrontContext) {
    this.#context = context;
    this.#clock = new AwakeClock(context.clock, context.scheduler, () => this.#closeDead());
  }

  get count(): number {
    return this.#byUuid.size;
  }

  get(uuid: Uuid): Datanode | undefined {
    return this.#byUuid.get(uuid);
  }

  /** For one that registers. */
  obtain(uuid: Uuid): Datanode {
    const known = this.#byUuid.get(uuid);
    if (known !== undefined) return known;
    const datanode = new Datanode(uuid, this.#context.main);
    this.#byUuid.set(uuid, datanode);
    this.#heard(datanode);
    return datanode;
  }

  registered(datanode: Datanode): void {
    datanode.isRegistered = true;
    if (datanode.link !== undefined) datanode.link.isRegistered = true;
    this.#heard(datanode);
  }

  /** Nothing stays of one that main has never accepted: there may be any number of them. */
  refused(datanode: Datanode): void {
    const isPresent = this.#byUuid.get(datanode.uuid) === datanode;
    if (isPresent && !datanode.isRegistered && datanode.isIdle) this.#close(datanode, refusal());
  }

  #heard(datanode: Datanode): void {
    datanode.heardMs = this.#clock.nowMs();
  }

  /** A heartbeat has come. One before it was due and is missing: what was in that got lost, a full report
   * perhaps (spec 12 §11). */
  beaten(datanode: Datanode): void {
    const nowMs = this.#clock.nowMs();
    const gapMs = GAP_INTERVALS * this.#context.settings.heartbeatIntervalMs;
    if (nowMs - datanode.heardMs > gapMs && nowMs - datanode.gapMs > NEXT_GAP_MS) {
      datanode.gapMs = nowMs;
      datanode.lacksReport = true;
    }
    datanode.heardMs = nowMs;
  }

  stop(reason: StrataError): void {
    this.#clock.stop();
    for (const datanode of this.#byUuid.values()) this.#close(datanode, reason);
  }

  #closeDead(): void {
    const deadMs = this.#clock.nowMs() - this.#context.settings.deadIntervalMs;
    for (const datanode of this.#byUuid.values()) {
      // A registration that waits would open a connection for one that nobody knows any more.
      if (datanode.isIdle && datanode.heardMs < deadMs) this.#close(datanode, silent());
    }
  }

  #close(datanode: Datanode, reason: StrataError): void {
    this.#byUuid.delete(datanode.uuid);
    datanode.close(reason);
  }
}

function refusal(): StrataError {
  return new StrataError("CONNECTION_LOST", { reason: "the datanode was refused" });
}

function silent(): StrataError {
  return new StrataError("CONNECTION_LOST", { reason: "the datanode is silent" });
}
