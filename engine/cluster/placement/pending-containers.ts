import type { ContainerId, NodeSlot } from "../../core/ids.js";
import { grownTo, PromiseTable } from "./promise-table.js";

const FIRST_NODES = 64;

export interface PendingContainersOptions {
  /** After this time an entry that nobody confirmed is dropped. */
  readonly lifetimeMs: number;
  /** Containers that fit on the node by its last report; 0 for one that has not reported. */
  readonly slotsOf: (node: NodeSlot) => number;
  /** The node's count changed. */
  readonly onChanged: (node: NodeSlot) => void;
}

/** Since start (spec 03 §18). */
export interface PendingCounters {
  numPendingContainersAdded: number;
  numPendingContainersRemoved: number;
  /** Reservations refused because a node was full. */
  numSkippedFullNodeContainerAllocation: number;
}

/** Room for one container on some nodes, taken before the container has its id. Opaque to who holds it. */
export class Reservation {
  /** Nobody changes them. */
  readonly nodes: readonly NodeSlot[];
  readonly endMs: number;
  /** Neither bound, nor given back, nor over. */
  isOpen = true;

  constructor(nodes: readonly NodeSlot[], endMs: number) {
    this.nodes = nodes;
    this.endMs = endMs;
  }
}

/** Containers promised to datanodes whose reports do not show them yet (spec 01 §11, 03 §11.2): the leader's
 * memory. Entries are exact, each with its own end: the reference's two windows forget some early, and keep
 * others twice as long (spec 03 §20.7). Pure: times are passed in, in ms of the monotonic clock. */
export class PendingContainers {
  readonly counters: PendingCounters = {
    numPendingContainersAdded: 0,
    numPendingContainersRemoved: 0,
    numSkippedFullNodeContainerAllocation: 0,
  };
  readonly #options: PendingContainersOptions;
  /** By the end of their time: all live equally long. As many as proposals are under way. */
  readonly #reservations = new Set<Reservation>();
  /** Those whose container is known. */
  readonly #promises = new PromiseTable();
  /** Both, by node. */
  #countByNode = new Int32Array(FIRST_NODES);

  constructor(options: PendingContainersOptions) {
    this.#options = options;
  }

  /** Containers promised to the node. */
  countOf(node: NodeSlot): number {
    return this.#countByNode[node] ?? 0;
  }

  /** Containers promised, each counted for each of its nodes. */
  get size(): number {
    return this.counters.numPendingContainersAdded - this.counters.numPendingContainersRemoved;
  }

  /** Takes room for one container on all `nodes`, or on none: undefined when one of them has none left. The
   * container's id is given later, by `apply`. Keeps `nodes`. */
  reserve(nodes: readonly NodeSlot[], nowMs: number): Reservation | undefined {
    if (nodes.some((node) => this.#options.slotsOf(node) <= this.countOf(node))) {
      this.counters.numSkippedFullNodeContainerAllocation++;
      return undefined;
    }
    const reservation = new Reservation(nodes, nowMs + this.#options.lifetimeMs);
    this.#reservations.add(reservation);
    for (const node of nodes) this.#added(node);
    return reservation;
  }

  /** The container for which room was taken is this one. Does nothing when the reservation has ended. */
  bind(reservation: Reservation, containerId: ContainerId): void {
    if (!reservation.isOpen) return;
    this.#close(reservation);
    const { nodes, endMs } = reservation;
    for (const node of nodes) {
      // A replica of it was on its way there already: room for one is enough.
      this.confirm(node, containerId);
      this.#promises.add(node, containerId, endMs);
    }
  }

  /** A replica of the container is on its way to the node, whether there is room or not (spec 01 §11). */
  record(node: NodeSlot, containerId: ContainerId, nowMs: number): void {
    if (this.#promises.has(node, containerId)) return;
    this.#promises.add(node, containerId, nowMs + this.#options.lifetimeMs);
    this.#added(node);
  }

  /** The room is not needed: the container was not created. Does nothing when the reservation has ended. */
  release(reservation: Reservation): void {
    if (!reservation.isOpen) return;
    this.#close(reservation);
    for (const node of reservation.nodes) this.#removed(node);
  }

  /** Containers that the node is to show. */
  awaitedCountOf(node: NodeSlot): number {
    return this.#promises.countOf(node);
  }

  /** Calls `visit` with their ids. Meanwhile the one in hand may be confirmed, and no other. */
  forEachAwaited(node: NodeSlot, visit: (containerId: number) => void): void {
    this.#promises.forEachOf(node, visit);
  }

  /** The node has the container, or had it, or will not get it: its report shows the truth. */
  confirm(node: NodeSlot, containerId: number): void {
    if (this.#promises.remove(node, containerId)) this.#removed(node);
  }

  /** Drops what nobody confirmed in its time. */
  expire(nowMs: number): void {
    for (const reservation of this.#reservations) {
      if (reservation.endMs > nowMs) break;
      this.release(reservation);
    }
    this.#promises.removeEnded(nowMs, this.#removed);
  }

  /** At the end of a term: another leader decides now. */
  clear(): void {
    this.expire(Number.POSITIVE_INFINITY);
  }

  #close(reservation: Reservation): void {
    reservation.isOpen = false;
    this.#reservations.delete(reservation);
  }

  #added(node: NodeSlot): void {
    this.counters.numPendingContainersAdded++;
    this.#count(node, 1);
  }

  readonly #removed = (node: NodeSlot): void => {
    this.counters.numPendingContainersRemoved++;
    this.#count(node, -1);
  };

  #count(node: NodeSlot, by: number): void {
    if (node >= this.#countByNode.length) this.#countByNode = grownTo(this.#countByNode, node);
    this.#countByNode[node] = this.countOf(node) + by;
    this.#options.onChanged(node);
  }
}
