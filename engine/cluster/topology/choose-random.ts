import { StrataError } from "../../core/errors.js";
import type { NodeSlot } from "../../core/ids.js";
import type { Random } from "../../core/random.js";
import { type InnerNode, NONE } from "./inner-nodes.js";
import type { TopologySchema } from "./schema.js";

/** What a choice looks at. */
interface Tree {
  readonly schema: TopologySchema;
  readonly root: InnerNode;
  innerNodeAt(path: string): InnerNode | undefined;
  rackNode(slot: NodeSlot): InnerNode | undefined;
  leafCount(rack: number): number;
  leafAt(rack: number, place: number): NodeSlot;
}

/** A part of the tree: a datanode, or everything under the inner node with a path. */
export type TreeScope = NodeSlot | string;

/** What a leaf is chosen from (spec 03 §12.5). */
export interface ChooseRequest {
  /** Left out: the whole tree. `~/path` is everything but /path; only without `excludedScopes`. */
  readonly scope?: TreeScope;
  readonly excludedScopes?: readonly TreeScope[];
  readonly excluded?: readonly NodeSlot[];
  /** Is left out itself; with a generation only what shares that ancestor with it remains. */
  readonly affinity?: NodeSlot;
  /** Without affinity: what shares its ancestor of so many levels above with an excluded leaf is left out. */
  readonly generation?: number;
}

/** Any of the leaves that remain, eligible or not, each as likely as the others; NONE when none does. For
 * questions that are seldom: `Topology.draw` allocates nothing.
 * @throws StrataError INVALID_ARGUMENT for what is not in the tree, or a generation that it has not */
export function chooseRandom(tree: Tree, request: ChooseRequest, random: Random): NodeSlot | typeof NONE {
  const search = new Search(tree, request);
  return search.choose(random);
}

class Search {
  readonly #tree: Tree;
  readonly #excludedNodes = new Set<InnerNode>();
  readonly #excludedLeaves = new Set<NodeSlot>();
  /** Undefined when nothing can remain. */
  readonly #scope: InnerNode | NodeSlot | undefined;

  constructor(tree: Tree, request: ChooseRequest) {
    this.#tree = tree;
    const { scope: asked = "", excludedScopes, excluded = [], affinity, generation = 0 } = request;
    const isInverted = typeof asked === "string" && asked.startsWith("~") && excludedScopes === undefined;
    const scope = isInverted ? tree.root : this.#find(asked);
    if (scope === undefined || (isInverted && this.#find(asked.slice(1)) === undefined))
      throw invalid("scope", `${asked} is not in the topology`);
    const levelCount = tree.schema.levels.length;
    if (!Number.isInteger(generation) || generation < 0 || generation > levelCount - 1)
      throw invalid("generation", `must be 0 to ${levelCount - 1}, is ${generation}`);
    if (affinity !== undefined && tree.rackNode(affinity) === undefined)
      throw invalid("affinity", `${affinity} is not in the topology`);
    for (const part of isInverted ? [asked.slice(1)] : (excludedScopes ?? []))
      this.#exclude(this.#find(part));
    for (const slot of affinity === undefined ? excluded : [...excluded, affinity])
      this.#excludedLeaves.add(slot);
    this.#scope = affinity === undefined ? scope : this.#around(affinity, generation, scope);
    if (affinity !== undefined || generation === 0) return;
    for (const slot of excluded) this.#exclude(this.#ancestorOf(slot, generation));
  }

  choose(random: Random): NodeSlot | typeof NONE {
    const scope = this.#scope;
    if (scope === undefined) return NONE;
    if (typeof scope === "number") return this.#isExcluded(scope) ? NONE : scope;
    const left: NodeSlot[] = [];
    for (let node = scope.parent; node !== undefined; node = node.parent)
      if (this.#excludedNodes.has(node)) return NONE;
    this.#gather(scope, left);
    return left.length === 0 ? NONE : (left[random.below(left.length)] as NodeSlot);
  }

  #gather(node: InnerNode, left: NodeSlot[]): void {
    if (this.#excludedNodes.has(node)) return;
    for (const child of node.children.values()) this.#gather(child, left);
    for (let place = 0; place < this.#tree.leafCount(node.rack); place++) {
      const slot = this.#tree.leafAt(node.rack, place);
      if (!this.#excludedLeaves.has(slot)) left.push(slot);
    }
  }

  #find(scope: TreeScope): InnerNode | NodeSlot | undefined {
    if (typeof scope === "string") return this.#tree.innerNodeAt(scope);
    return this.#tree.rackNode(scope) === undefined ? undefined : scope;
  }

  #exclude(part: InnerNode | NodeSlot | undefined): void {
    if (typeof part === "number") this.#excludedLeaves.add(part);
    else if (part !== undefined) this.#excludedNodes.add(part);
  }

  /** The scope within the affinity's ancestor; undefined when they have nothing in common. */
  #around(
    affinity: NodeSlot,
    generation: number,
    scope: InnerNode | NodeSlot,
  ): InnerNode | NodeSlot | undefined {
    if (generation === 0) return scope;
    const ancestor = this.#ancestorOf(affinity, generation);
    if (ancestor === undefined || this.#isWithin(ancestor, scope)) return ancestor;
    return this.#isWithin(scope, ancestor) ? scope : undefined;
  }

  #ancestorOf(slot: NodeSlot, generation: number): InnerNode | undefined {
    let node = this.#tree.rackNode(slot);
    for (let i = 1; i < generation; i++) node = node?.parent;
    return node;
  }

  #isWithin(part: InnerNode | NodeSlot, whole: InnerNode | NodeSlot): boolean {
    if (part === whole) return true;
    let node = typeof part === "number" ? this.#tree.rackNode(part) : part;
    while (node !== undefined && node !== whole) node = node.parent;
    return node !== undefined;
  }

  #isExcluded(slot: NodeSlot): boolean {
    if (this.#excludedLeaves.has(slot)) return true;
    let node = this.#tree.rackNode(slot);
    while (node !== undefined && !this.#excludedNodes.has(node)) node = node.parent;
    return node !== undefined;
  }
}

function invalid(field: string, reason: string): StrataError {
  return new StrataError("INVALID_ARGUMENT", { field, reason });
}
