import type { DatanodeDetails } from "../../../protocol/schema/records.js";
import { assert } from "../../core/assert.js";
import type { NodeSlot } from "../../core/ids.js";
import { nodeSlot } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { parseUuid, uuidFromHalves } from "../../core/uuid.js";
import type { NodeEntry } from "./node-entry.js";

/** Datanodes by slot, by uuid, by address, and in uuid order. Slots are given in the order of registration
 * and stay. */
export class NodeIndex {
  readonly #bySlot: NodeEntry[] = [];
  readonly #byUuid = new Map<Uuid, NodeEntry>();
  readonly #byAddress = new Map<string, Set<NodeEntry>>();
  readonly #inOrder: NodeEntry[] = [];

  get count(): number {
    return this.#bySlot.length;
  }

  get nextSlot(): NodeSlot {
    return nodeSlot(this.#bySlot.length);
  }

  add(node: NodeEntry): void {
    assert(node.slot === this.#bySlot.length, "slots are given in order");
    assert(!this.#byUuid.has(node.uuid), "node exists");
    this.#bySlot.push(node);
    this.#byUuid.set(node.uuid, node);
    this.#inOrder.splice(this.#placeOf(node.uuid), 0, node);
    this.#addAddresses(node, node.details);
  }

  /** Gives the node other details; moves it to its new addresses. */
  replaceDetails(node: NodeEntry, details: DatanodeDetails): void {
    assert(details.uuid === node.uuid, "the uuid is the identity");
    const { ipAddress, hostName } = node.details;
    if (ipAddress !== details.ipAddress || hostName !== details.hostName) {
      for (const address of [ipAddress, hostName]) this.#removeAddress(node, address);
      this.#addAddresses(node, details);
    }
    node.details = details;
    node.detailsVersion++;
  }

  at(slot: NodeSlot): NodeEntry {
    const node = this.#bySlot[slot];
    assert(node !== undefined, `no node in slot ${slot}`);
    return node;
  }

  get(uuid: Uuid): NodeEntry | undefined {
    return this.#byUuid.get(uuid);
  }

  /** By uuid text in any case (spec 12 §8.2 H8). */
  byText(text: string): NodeEntry | undefined {
    const uuid = parseUuid(text);
    return uuid === undefined ? undefined : this.get(uuid);
  }

  /** By the two halves of a 128-bit id, signed or not. */
  byHalves(mostSignificant: bigint, leastSignificant: bigint): NodeEntry | undefined {
    return this.get(uuidFromHalves(mostSignificant, leastSignificant));
  }

  /** All nodes with this host name or IP address. */
  atAddress(address: string): readonly NodeEntry[] {
    return [...(this.#byAddress.get(address) ?? [])];
  }

  /** In the order of their slots. */
  all(): readonly NodeEntry[] {
    return this.#bySlot;
  }

  /** In uuid order, from the first one after `after` on. */
  *inOrder(after: Uuid | undefined): IterableIterator<NodeEntry> {
    let place = after === undefined ? 0 : this.#placeOf(after);
    if (this.#inOrder[place]?.uuid === after) place++;
    for (; place < this.#inOrder.length; place++) yield this.#inOrder[place] as NodeEntry;
  }

  #placeOf(uuid: Uuid): number {
    let low = 0;
    let high = this.#inOrder.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#inOrder[middle] as NodeEntry).uuid < uuid) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #addAddresses(node: NodeEntry, { ipAddress, hostName }: DatanodeDetails): void {
    for (const address of [ipAddress, hostName]) {
      const nodes = this.#byAddress.get(address) ?? new Set();
      nodes.add(node);
      this.#byAddress.set(address, nodes);
    }
  }

  #removeAddress(node: NodeEntry, address: string): void {
    const nodes = this.#byAddress.get(address);
    nodes?.delete(node);
    if (nodes?.size === 0) this.#byAddress.delete(address);
  }
}
