import type { TopologySchema } from "./schema.js";

/** Instead of a slot or the number of a rack. */
export const NONE = -1;

/** A node of the tree above the datanodes. */
export interface InnerNode {
  /** Empty for the root. */
  readonly name: string;
  /** `/rack1`; empty for the root. */
  readonly path: string;
  /** The root has 1. */
  readonly level: number;
  readonly parent: InnerNode | undefined;
  readonly children: ReadonlyMap<string, InnerNode>;
  /** Datanodes anywhere under it. */
  readonly leafCount: number;
  /** Number of the rack, NONE on levels above. */
  readonly rack: number;
}

interface MutableNode extends InnerNode {
  readonly parent: MutableNode | undefined;
  readonly children: Map<string, MutableNode>;
  leafCount: number;
}

/** The tree above the datanodes. Its nodes are made on demand and go with their last leaf (spec 03 §12.2 rule
 * 4); racks have dense numbers, which are used again. */
export class InnerNodes {
  readonly root: InnerNode;
  readonly #rackLevel: number;
  readonly #byNumber: (MutableNode | undefined)[] = [];
  /** Ascending. */
  readonly #numbers: number[] = [];
  readonly #freeNumbers: number[] = [];

  constructor(schema: TopologySchema) {
    this.#rackLevel = schema.levels.length - 1;
    this.root = newNode("", undefined, NONE);
  }

  /** Numbers of all racks, ascending; a live list. */
  get racks(): readonly number[] {
    return this.#numbers;
  }

  rack(number: number): InnerNode | undefined {
    return this.#byNumber[number];
  }

  /** The inner node with these names, if there is one. */
  find(names: readonly string[]): InnerNode | undefined {
    let node: InnerNode | undefined = this.root;
    for (const name of names) node = node?.children.get(name);
    return node;
  }

  /** Counts a leaf under the rack with these names, which is made if need be; returns its number. */
  addLeaf(names: readonly string[]): number {
    let node = this.root as MutableNode;
    for (const name of names) {
      let child = node.children.get(name);
      if (child === undefined) {
        child = newNode(name, node, node.level + 1 === this.#rackLevel ? this.#newNumber() : NONE);
        node.children.set(name, child);
        if (child.rack >= 0) this.#byNumber[child.rack] = child;
      }
      node = child;
    }
    for (let at: MutableNode | undefined = node; at !== undefined; at = at.parent) at.leafCount++;
    return node.rack;
  }

  removeLeaf(rack: number): void {
    for (let node = this.#byNumber[rack]; node !== undefined; node = node.parent) {
      node.leafCount--;
      if (node.leafCount === 0) node.parent?.children.delete(node.name);
      if (node.leafCount === 0 && node.rack >= 0) this.#freeNumber(node.rack);
    }
  }

  #newNumber(): number {
    const number = this.#freeNumbers.pop() ?? this.#byNumber.length;
    const after = this.#numbers.findIndex((other) => other > number);
    this.#numbers.splice(after < 0 ? this.#numbers.length : after, 0, number);
    return number;
  }

  #freeNumber(number: number): void {
    this.#byNumber[number] = undefined;
    this.#numbers.splice(this.#numbers.indexOf(number), 1);
    this.#freeNumbers.push(number);
  }
}

function newNode(name: string, parent: MutableNode | undefined, rack: number): MutableNode {
  const path = parent === undefined ? "" : `${parent.path}/${name}`;
  const level = (parent?.level ?? 0) + 1;
  return { name, path, level, parent, children: new Map(), leafCount: 0, rack };
}
