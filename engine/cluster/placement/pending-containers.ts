import type { ContainerId, NodeSlot } from "../../core/ids.js";

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

/** Room for one container on some nodes. Opaque to who holds it. */
export class Reservation {
  /** Nodes that have not shown the container yet. */
  readonly nodes: Set<NodeSlot>;
  /** 0 until it is known. */
  containerId: number;
  readonly endMs: number;

  constructor(nodes: readonly NodeSlot[], containerId: number, endMs: number) {
    this.nodes = new Set(nodes);
    this.containerId = containerId;
    this.endMs = endMs;
  }
}

const NO_CONTAINERS: ReadonlyMap<number, Reservation> = new Map();

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
  /** All that some node has not confirmed, by the end of their time: all live equally long. */
  readonly #reservations = new Set<Reservation>();
  readonly #countByNode = new Map<NodeSlot, number>();
  /** Those whose container is known. */
  readonly #byNode = new Map<NodeSlot, Map<number, Reservation>>();

  constructor(options: PendingContainersOptions) {
    this.#options = options;
  }

  /** Containers promised to the node. */
  countOf(node: NodeSlot): number {
    return this.#countByNode.get(node) ?? 0;
  }

  /** Reservations that are not confirmed by all their nodes. */
  get size(): number {
    return this.#reservations.size;
  }

  /** Takes room for one container on all `nodes`, or on none: undefined when one of them has none left. The
   * container's id is given later, by `apply`. */
  reserve(nodes: readonly NodeSlot[], nowMs: number): Reservation | undefined {
    if (nodes.some((node) => this.#options.slotsOf(node) <= this.countOf(node))) {
      this.counters.numSkippedFullNodeContainerAllocation++;
      return undefined;
    }
    return this.#add(new Reservation(nodes, 0, nowMs + this.#options.lifetimeMs));
  }

  /** The container for which room was taken is this one. Does nothing when the reservation has ended. */
  bind(reservation: Reservation, containerId: ContainerId): void {
    if (!this.#reservations.has(reservation)) return;
    reservation.containerId = containerId;
    for (const node of reservation.nodes) this.#bindTo(node, reservation);
  }

  /** A replica of the container is on its way to the node, whether there is room or not (spec 01 §11). */
  record(node: NodeSlot, containerId: ContainerId, nowMs: number): void {
    if (this.awaitedOf(node).has(containerId)) return;
    const reservation = this.#add(new Reservation([node], containerId, nowMs + this.#options.lifetimeMs));
    this.#bindTo(node, reservation);
  }

  /** The room is not needed: the container was not created. */
  release(reservation: Reservation): void {
    for (const node of reservation.nodes) this.#drop(node, reservation);
  }

  /** Ids of containers that the node is to show. */
  awaitedOf(node: NodeSlot): ReadonlyMap<number, unknown> {
    return this.#byNode.get(node) ?? NO_CONTAINERS;
  }

  /** The node has the container, or had it, or will not get it: its report shows the truth. */
  confirm(node: NodeSlot, containerId: number): void {
    const reservation = this.#byNode.get(node)?.get(containerId);
    if (reservation !== undefined) this.#drop(node, reservation);
  }

  /** Drops what nobody confirmed in its time. */
  expire(nowMs: number): void {
    for (const reservation of this.#reservations) {
      if (reservation.endMs > nowMs) return;
      this.release(reservation);
    }
  }

  /** At the end of a term: another leader decides now. */
  clear(): void {
    for (const reservation of this.#reservations) this.release(reservation);
  }

  #add(reservation: Reservation): Reservation {
    this.#reservations.add(reservation);
    for (const node of reservation.nodes) {
      this.counters.numPendingContainersAdded++;
      this.#count(node, 1);
    }
    return reservation;
  }

  #bindTo(node: NodeSlot, reservation: Reservation): void {
    const containers = this.#byNode.get(node) ?? new Map<number, Reservation>();
    // A replica of it was on its way there already: room for one is enough.
    const other = containers.get(reservation.containerId);
    if (other !== undefined) this.#drop(node, other);
    containers.set(reservation.containerId, reservation);
    this.#byNode.set(node, containers);
  }

  #drop(node: NodeSlot, reservation: Reservation): void {
    if (!this.#reservations.has(reservation) || !reservation.nodes.delete(node)) return;
    this.counters.numPendingContainersRemoved++;
    const containers = this.#byNode.get(node);
    if (containers?.get(reservation.containerId) === reservation) {
      containers.delete(reservation.containerId);
      if (containers.size === 0) this.#byNode.delete(node);
    }
    if (reservation.nodes.size === 0) this.#reservations.delete(reservation);
    this.#count(node, -1);
  }

  #count(node: NodeSlot, by: number): void {
    const count = this.countOf(node) + by;
    if (count === 0) this.#countByNode.delete(node);
    else this.#countByNode.set(node, count);
    this.#options.onChanged(node);
  }
}
