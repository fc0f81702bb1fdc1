import { DEFAULT_SCHEMA } from "../../engine/cluster/topology/schema.js";
import { type DrawScope, NONE, Topology } from "../../engine/cluster/topology/topology.js";
import { assert } from "../../engine/core/assert.js";
import { type NodeSlot, nodeSlot } from "../../engine/core/ids.js";
import { NodeRandom } from "../../engine/host/node-random.js";
import { median } from "../harness/figure.js";

/** Draws between two looks at the clock: so few that most are not disturbed. */
const CHUNK = 10_000;

export interface DrawCost {
  readonly ns: number;
  /** Of the heap, for one draw. */
  readonly bytes: number;
}

export interface TreeSize {
  readonly nodeCount: number;
  readonly rackCount: number;
}

/** A tree whose nodes are all eligible but for one in eleven. */
export function fullTree({ nodeCount, rackCount }: TreeSize): Topology {
  const tree = new Topology(DEFAULT_SCHEMA, nodeCount);
  for (let i = 0; i < nodeCount; i++) {
    const slot = nodeSlot(i);
    assert(tree.place(slot, `/rack${i % rackCount}`) === undefined, "a rack");
    tree.setEligible(slot, i % 11 !== 0);
  }
  return tree;
}

/** Cost of a draw anywhere, beside two excluded nodes and their racks: what the third replica of a container
 * asks for. */
export function drawAnywhere(tree: Topology, chunkCount: number): DrawCost {
  return drawCost(tree, NONE, 2, chunkCount);
}

/** Cost of a draw on the rack of an excluded node: the second replica. */
export function drawOnRack(tree: Topology, chunkCount: number): DrawCost {
  return drawCost(tree, 0, 1, chunkCount);
}

/** The excluded nodes are others each time. */
function drawCost(tree: Topology, rack: number, excludedCount: number, chunkCount: number): DrawCost {
  const random = new NodeRandom();
  const excluded = Array.from({ length: excludedCount }, () => nodeSlot(0));
  const excludedRacks: number[] = rack === NONE ? excluded.map(() => 0) : [];
  const scope: DrawScope & { rack: number } = { rack, excludedRacks, excluded };
  let at = 0;
  const chunk = (): void => {
    let sum = 0;
    for (let i = 0; i < CHUNK; i++) {
      for (let k = 0; k < excludedCount; k++) {
        at = (at + 7919) % tree.leafCountTotal;
        excluded[k] = at as NodeSlot;
        if (rack === NONE) excludedRacks[k] = tree.rackOf(at as NodeSlot);
        else scope.rack = tree.rackOf(at as NodeSlot);
      }
      sum += tree.draw(scope, random);
    }
    assert(sum > 0, "something is drawn");
  };
  // Before: the code gets compiled.
  for (let i = 0; i < chunkCount; i++) chunk();
  const times: number[] = [];
  const bytes: number[] = [];
  for (let i = 0; i < chunkCount; i++) {
    const heapBefore = process.memoryUsage().heapUsed;
    const startMs = performance.now();
    chunk();
    times.push(((performance.now() - startMs) * 1e6) / CHUNK);
    bytes.push((process.memoryUsage().heapUsed - heapBefore) / CHUNK);
  }
  return { ns: median(times), bytes: median(bytes) };
}
