import { assert } from "../../engine/core/assert.js";
import { nodeSlot } from "../../engine/core/ids.js";
import { PlacementRig } from "../../test/support/placement/placement-rig.js";
import { median } from "../harness/figure.js";

const NODES = 10_000;
const RACKS = 100;
/** Short, so that few are disturbed by others. */
const CHUNK = 1000;
const CHUNKS = 101;

export interface PlacementTimes {
  readonly rackAwareOfThree: number;
  /** One more replica beside two that share a rack. */
  readonly rackAwareOfOne: number;
  readonly rackScatterOfFourteen: number;
  readonly randomOfThree: number;
  /** Looks at every node. */
  readonly pipeline: number;
  readonly validate: number;
}

/** µs for one choice among 10,000 nodes in 100 racks, of which a tenth has no room, with ten nodes excluded.
 */
export function placementTimes(): PlacementTimes {
  const plans = Array.from({ length: NODES }, (_, number) => ({
    rack: number % RACKS,
    slots: number % 10 === 7 ? 0 : 5,
    pipelineCount: 1,
  }));
  const { containers, ec, pipelines } = new PlacementRig(plans).placement;
  const random = new PlacementRig(plans, {
    containerPolicy: "org.apache.hadoop.hdds.scm.container.placement.algorithms.SCMContainerPlacementRandom",
  }).placement.containers;
  const excluded = Array.from({ length: 10 }, (_, i) => nodeSlot(i * 997));
  const base = { excluded, metadataBytes: 0 };
  const pair = [nodeSlot(1), nodeSlot(1 + RACKS)];
  const three = { ...base, required: 3 };
  const one = { ...base, used: pair, required: 1 };
  const fourteen = { ...base, required: 14 };
  const holders = ec.choose(fourteen);
  return {
    rackAwareOfThree: medianUs(() => containers.choose(three).length),
    rackAwareOfOne: medianUs(() => containers.choose(one).length),
    rackScatterOfFourteen: medianUs(() => ec.choose(fourteen).length),
    randomOfThree: medianUs(() => random.choose(three).length),
    pipeline: medianUs(() => pipelines.choose({ ...three, metadataBytes: 100 }).length, CHUNK / 100),
    validate: medianUs(() => (ec.validate(holders, 14).isSatisfied ? 1 : 0)),
  };
}

/** The first half of the chunks is for the code to get compiled. */
function medianUs(choose: () => number, chunk = CHUNK): number {
  const times: number[] = [];
  for (let round = 0; round < 2 * CHUNKS; round++) {
    let chosen = 0;
    const startMs = performance.now();
    for (let i = 0; i < chunk; i++) chosen += choose();
    const us = ((performance.now() - startMs) * 1e3) / chunk;
    assert(chosen >= chunk, "each choice finds nodes");
    if (round >= CHUNKS) times.push(us);
  }
  return median(times);
}
