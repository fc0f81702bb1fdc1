import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { PolicyName } from "../../../../../engine/cluster/placement/placement.js";
import type { PlacementRequest } from "../../../../../engine/cluster/placement/placement-policy.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import { type NodeSlot, nodeSlot } from "../../../../../engine/core/ids.js";
import { METADATA_BYTES, type NodePlan, PlacementRig } from "../../../../support/placement/placement-rig.js";

const ALGORITHMS = "org.apache.hadoop.hdds.scm.container.placement.algorithms";
const RANDOM: PolicyName = `${ALGORITHMS}.SCMContainerPlacementRandom`;
const CAPACITY: PolicyName = `${ALGORITHMS}.SCMContainerPlacementCapacity`;
const ROUNDS = 200;

/** `sizes[n]` nodes on rack n. */
function racksOf(...sizes: readonly number[]): NodePlan[] {
  return sizes.flatMap((size, rack) => Array.from({ length: size }, () => ({ rack })));
}

function request(required: number, changes: Partial<PlacementRequest> = {}): PlacementRequest {
  return { required, metadataBytes: 0, ...changes };
}

function slots(...numbers: readonly number[]): NodeSlot[] {
  return numbers.map(nodeSlot);
}

function refuses(code: string): (error: unknown) => boolean {
  return (error) => error instanceof StrataError && error.code === code;
}

suite("RackAware", () => {
  const rackOf = (rig: PlacementRig, node: NodeSlot | undefined) => rig.tree.rackOf(node as NodeSlot);

  test("puts the second replica beside the first one and the others elsewhere", () => {
    const rig = new PlacementRig(racksOf(4, 4, 4));
    for (let round = 0; round < ROUNDS; round++) {
      const [first, second, third, fourth] = rig.placement.containers.choose(request(4));
      assert.equal(rackOf(rig, first), rackOf(rig, second));
      assert.notEqual(rackOf(rig, third), rackOf(rig, first));
      assert.notEqual(rackOf(rig, fourth), rackOf(rig, first));
    }
    assert.equal(rig.placement.counters.datanodeChooseFallbackCount, 0);
    assert.equal(rig.placement.counters.datanodeRequestCount, 4 * ROUNDS);
    assert.equal(rig.placement.counters.datanodeChooseSuccessCount, 4 * ROUNDS);
  });

  test("completes what is there: the pair first, then another rack", () => {
    // Racks: 0 … 3, 4 … 7, 8 … 11.
    const rig = new PlacementRig(racksOf(4, 4, 4));
    const { containers } = rig.placement;
    const one = nodeSlot(0);
    for (let round = 0; round < ROUNDS; round++) {
      const [pair, other] = containers.choose(request(2, { used: [one] }));
      assert.equal(rackOf(rig, pair), rackOf(rig, one));
      assert.notEqual(rackOf(rig, other), rackOf(rig, one));
      const [beside] = containers.choose(request(1, { used: slots(0, 1) }));
      assert.notEqual(rackOf(rig, beside), rackOf(rig, one), "two share a rack");
      const [third] = containers.choose(request(1, { used: slots(0, 4) }));
      assert.notEqual(rackOf(rig, third), rig.tree.rackAt("/rack2"), "one of the two racks");
    }
  });

  test("gives up its rules one by one, and counts that", () => {
    const single = new PlacementRig(racksOf(3));
    assert.equal(single.placement.containers.choose(request(3)).length, 3);
    assert.equal(single.placement.counters.datanodeChooseFallbackCount, 1);
    const spread = new PlacementRig(racksOf(1, 1, 1));
    assert.equal(spread.placement.containers.choose(request(3)).length, 3);
    assert.ok(spread.placement.counters.datanodeChooseFallbackCount > 0);
  });

  test("takes favoured nodes where its rules allow it, if they may be chosen at all", () => {
    const rig = new PlacementRig([...racksOf(4, 4), { rack: 0, health: "STALE" }, { rack: 0, slots: 0 }]);
    for (let round = 0; round < ROUNDS; round++) {
      // Node 0 would do, but for its rack.
      const favoured = slots(8, 9, 3, 2, 1, 0, 6);
      const chosen = rig.placement.containers.choose(request(3, { favoured, excluded: slots(3) }));
      assert.deepEqual(chosen, slots(2, 1, 6));
    }
  });
});

suite("RackScatter", () => {
  test("uses every rack before it uses one twice", () => {
    const rig = new PlacementRig(racksOf(5, 5, 5));
    for (let round = 0; round < ROUNDS; round++) {
      const chosen = rig.placement.ec.choose(request(5));
      const perRack = rig.tree
        .racks()
        .map((rack) => chosen.filter((n) => rig.tree.rackOf(n) === rack).length);
      assert.deepEqual(perRack.sort(), [1, 2, 2]);
    }
  });

  test("does not fail on an excluded node that died with its rack (spec 03 §19.3)", () => {
    const rig = new PlacementRig(racksOf(2, 2, 2, 1));
    rig.change(6, { health: "DEAD" });
    assert.equal(rig.tree.rackCount, 3);
    assert.equal(rig.placement.ec.choose(request(3, { excluded: slots(6) })).length, 3);
    assert.equal(rig.placement.ec.choose(request(2, { used: slots(6, 0) })).length, 2);
  });

  test("prefers racks without excluded nodes, and does without those that have nothing to give", () => {
    const rig = new PlacementRig(racksOf(2, 2, 2));
    for (let round = 0; round < ROUNDS; round++) {
      const onOther = rig.placement.ec.choose(request(2, { excluded: slots(0) }));
      assert.ok(onOther.every((node) => rig.tree.rackOf(node) !== rig.tree.rackAt("/rack0")));
      const withoutRack = rig.placement.ec.choose(request(3, { excluded: slots(0, 1) }));
      assert.equal(withoutRack.length, 3);
    }
  });

  test("gives up when a rack would have to hold more than its share", () => {
    const rig = new PlacementRig(racksOf(5, 1, 1));
    assert.throws(() => rig.placement.ec.choose(request(5)), refuses("FAILED_TO_FIND_SUITABLE_NODE"));
    assert.equal(rig.placement.ec.choose(request(4)).length, 4);
  });

  test("takes a favoured node of each rack first", () => {
    const rig = new PlacementRig(racksOf(6, 6, 6));
    for (let round = 0; round < ROUNDS; round++) {
      const chosen = rig.placement.ec.choose(request(3, { favoured: slots(1, 2, 7) }));
      assert.ok(chosen.includes(nodeSlot(7)));
      assert.equal(chosen.filter((node) => node === 1 || node === 2).length, 1);
    }
  });

  test("a favoured node does not keep a replica from the rack that has none", () => {
    const rig = new PlacementRig(racksOf(3, 3, 3));
    for (let round = 0; round < ROUNDS; round++) {
      const [node] = rig.placement.ec.choose(request(1, { used: slots(0, 1, 3), favoured: slots(4) }));
      assert.equal(rig.tree.rackOf(node as NodeSlot), rig.tree.rackAt("/rack2"));
    }
  });

  test("does not make worse what is bad already", () => {
    const rig = new PlacementRig([...racksOf(8), { rack: 1, slots: 0 }, { rack: 2, slots: 0 }]);
    const used = slots(0, 1, 2, 3);
    // Of six replicas two may be on a rack: two are too many, and two racks lack.
    assert.throws(
      () => rig.placement.ec.choose(request(2, { used })),
      refuses("FAILED_TO_FIND_SUITABLE_NODE"),
    );
    rig.change(8, { slots: 5 });
    assert.equal(rig.placement.ec.choose(request(1, { used })).length, 1);
  });

  test("takes the emptier of two nodes when it looks at capacity", () => {
    const plans = racksOf(4, 4).map((plan, number) => ({
      ...plan,
      scmUsed: number % 4 === 0 ? 900_000 : 10,
    }));
    const rig = new PlacementRig(plans, { isCapacityAware: true });
    for (let round = 0; round < ROUNDS; round++) {
      for (const node of rig.placement.ec.choose(request(2))) assert.notEqual(node % 4, 0);
    }
    const last = rig.placement.ec.choose(request(2, { excluded: slots(1, 2, 3, 5, 6, 7) }));
    assert.deepEqual([...last].sort(), slots(0, 4));
  });
});

suite("Random and Capacity", () => {
  test("Random takes each candidate equally often", () => {
    const rig = new PlacementRig(racksOf(1, 2, 5), { containerPolicy: RANDOM });
    const counts = new Array<number>(8).fill(0);
    const rounds = 8000;
    for (let round = 0; round < rounds; round++) {
      const [node] = rig.placement.containers.choose(request(1));
      counts[node as number] = (counts[node as number] as number) + 1;
    }
    // Five standard deviations of a count.
    const slack = 5 * Math.sqrt(rounds * (1 / 8) * (7 / 8));
    for (const count of counts) assert.ok(Math.abs(count - rounds / 8) < slack, `${counts}`);
  });

  test("Capacity takes the fullest node only when both draws are it", () => {
    const rig = new PlacementRig([{ rack: 0, scmUsed: 500_000 }, { rack: 0 }, { rack: 0 }, { rack: 0 }], {
      containerPolicy: CAPACITY,
    });
    const rounds = 4000;
    let fullest = 0;
    for (let round = 0; round < rounds; round++) {
      if (rig.placement.containers.choose(request(1))[0] === 0) fullest++;
    }
    const slack = 5 * Math.sqrt((rounds * 15) / 256);
    assert.ok(Math.abs(fullest - rounds / 16) < slack, `${fullest} of ${rounds}`);
  });

  test("peers of what was chosen are left out, unless there is no choice (spec 03 §13.5)", () => {
    const plans: NodePlan[] = [
      { rack: 0, peers: [1, 2] },
      { rack: 0, peers: [0, 2] },
      { rack: 0, peers: [0, 1] },
      { rack: 0 },
    ];
    const options = { containerPolicy: RANDOM, disallowsSamePeers: true } as const;
    const rig = new PlacementRig(plans, options);
    for (let round = 0; round < ROUNDS; round++) {
      assert.ok(rig.placement.containers.choose(request(2)).includes(nodeSlot(3)));
    }
    assert.throws(() => rig.placement.containers.choose(request(3)), refuses("FAILED_TO_FIND_SUITABLE_NODE"));
    assert.equal(rig.placement.containers.choose(request(4)).length, 4);
    const limits = { pipelinesPerNode: 1, pipelinesPerMetadataVolume: 2, containersPerVolume: 3 };
    const lone = new PlacementRig(plans, { ...options, limits });
    assert.equal(lone.placement.containers.choose(request(3)).length, 3);
  });
});

suite("the policy of pipelines", () => {
  test("takes the least loaded nodes: two of a rack and one of another", () => {
    const loads = [1, 1, 0, 1, 1, 1];
    const plans = loads.map((pipelineCount, number) => ({ rack: number < 3 ? 0 : 1, pipelineCount }));
    const rig = new PlacementRig(plans);
    for (let round = 0; round < ROUNDS; round++) {
      const [anchor, next, third] = rig.placement.pipelines.choose(request(3));
      assert.equal(anchor, 2);
      assert.ok((next as number) >= 3);
      assert.ok(third === 0 || third === 1);
    }
  });

  test("takes the third member beside the second where the first one is alone on its rack", () => {
    const loads = [0, 1, 1, 2, 2, 2];
    const racks = [0, 1, 1, 2, 2, 2];
    const limits = { pipelinesPerNode: 3, pipelinesPerMetadataVolume: 2, containersPerVolume: 3 };
    const rig = new PlacementRig(
      racks.map((rack, number) => ({ rack, pipelineCount: loads[number] as number })),
      { limits },
    );
    for (let round = 0; round < ROUNDS; round++) {
      assert.deepEqual([...rig.placement.pipelines.choose(request(3))].sort(), slots(0, 1, 2));
    }
  });

  test("completes a pipeline on the rack that has one member less", () => {
    const rig = new PlacementRig(racksOf(3, 3, 3));
    for (let round = 0; round < ROUNDS; round++) {
      const [next, third] = rig.placement.pipelines.choose(request(2, { used: slots(0) }));
      assert.ok((next as number) >= 3);
      assert.ok((third as number) < 3);
      const [beside] = rig.placement.pipelines.choose(request(1, { used: slots(0, 3) }));
      assert.ok((beside as number) < 3);
      const [other] = rig.placement.pipelines.choose(request(1, { used: slots(0, 1) }));
      assert.ok((other as number) >= 3);
    }
  });

  test("refuses to put all members on one rack because the other racks' nodes are at their limit", () => {
    const plans = [...racksOf(3), { rack: 1, pipelineCount: 2 }];
    const rig = new PlacementRig(plans);
    assert.throws(() => rig.placement.pipelines.choose(request(3)), refuses("FAILED_TO_FIND_SUITABLE_NODE"));
    const spread = new PlacementRig(racksOf(3, 1));
    assert.throws(
      () => spread.placement.pipelines.choose(request(3, { excluded: slots(3) })),
      refuses("FAILED_TO_FIND_SUITABLE_NODE"),
    );
    rig.change(3, { operationalState: "IN_MAINTENANCE" });
    assert.equal(rig.placement.pipelines.choose(request(3)).length, 3, "they were on one rack before");
  });

  test("has three members where there are racks", () => {
    const rig = new PlacementRig(racksOf(3, 3));
    assert.throws(() => rig.placement.pipelines.choose(request(4)), refuses("INVALID_CAPACITY"));
    assert.equal(new PlacementRig(racksOf(6)).placement.pipelines.choose(request(4)).length, 4);
  });

  test("avoids peers of the members it has", () => {
    const plans = racksOf(3, 3).map((plan, number) => ({ ...plan, peers: number === 0 ? [1, 3, 4] : [] }));
    const rig = new PlacementRig(
      plans.map((plan, number) => ({ ...plan, pipelineCount: number === 0 ? 0 : 1 })),
      { disallowsSamePeers: true },
    );
    for (let round = 0; round < ROUNDS; round++) {
      assert.deepEqual(rig.placement.pipelines.choose(request(3)), slots(0, 5, 2));
    }
  });
});

suite("refusals", () => {
  const codeOf = (rig: PlacementRig, asked: PlacementRequest): string[] =>
    [rig.placement.containers, rig.placement.ec, rig.placement.pipelines].map((policy) => {
      try {
        policy.choose(asked);
        return "chosen";
      } catch (error) {
        return error instanceof StrataError ? error.code : String(error);
      }
    });
  const all = (code: string) => [code, code, code];

  test("say what is missing, by the same codes for all policies (spec 03 §13)", () => {
    const none = new PlacementRig([]);
    assert.deepEqual(codeOf(none, request(3)), all("FAILED_TO_FIND_HEALTHY_NODES"));
    const stale = new PlacementRig(racksOf(4).map((plan) => ({ ...plan, health: "STALE" as const })));
    assert.deepEqual(codeOf(stale, request(3)), all("FAILED_TO_FIND_HEALTHY_NODES"));
    const few = new PlacementRig(racksOf(2, 2));
    assert.deepEqual(codeOf(few, request(3, { excluded: slots(0, 1) })), all("FAILED_TO_FIND_SUITABLE_NODE"));
    const full = new PlacementRig([...racksOf(2), { rack: 1, slots: 0 }]);
    assert.deepEqual(codeOf(full, request(3)), all("FAILED_TO_FIND_NODES_WITH_SPACE"));
    const poor = new PlacementRig([...racksOf(2), { rack: 1, metadataBytes: METADATA_BYTES }]);
    const asked = request(3, { metadataBytes: METADATA_BYTES });
    assert.deepEqual(codeOf(poor, asked), all("FAILED_TO_FIND_NODES_WITH_SPACE"));
    assert.deepEqual(codeOf(poor, request(3)), all("chosen"));
  });
});

suite("targets", () => {
  test("a node is eligible while it is in service, healthy, in the tree and has room", () => {
    const rig = new PlacementRig([{ rack: 0, slots: 2 }, ...racksOf(1)]);
    const node = nodeSlot(0);
    const { pending } = rig.placement;
    const isEligible = () => rig.tree.isEligible(node);
    assert.equal(isEligible(), true);
    const reservation = pending.reserve([node], 0);
    assert.equal(isEligible(), true);
    pending.reserve([node], 0);
    assert.equal(isEligible(), false);
    pending.release(reservation as NonNullable<typeof reservation>);
    assert.equal(isEligible(), true);
    rig.change(0, { slots: 1 });
    assert.equal(isEligible(), false, "one slot, and one promised");
    rig.change(0, { slots: 2 });
    assert.equal(isEligible(), true);
    for (const health of ["HEALTHY_READONLY", "STALE", "DEAD"] as const) {
      rig.change(0, { health });
      assert.equal(isEligible(), false, health);
    }
    rig.change(0, { health: "HEALTHY" });
    assert.equal(isEligible(), true, "back in the tree");
    for (const operationalState of ["DECOMMISSIONING", "IN_MAINTENANCE", "ENTERING_MAINTENANCE"] as const) {
      rig.change(0, { operationalState });
      assert.equal(isEligible(), false, operationalState);
    }
  });

  test("a promise lives for two intervals of the reference's windows", () => {
    const rig = new PlacementRig(racksOf(1), { pendingRollMs: 1000 });
    const { pending } = rig.placement;
    pending.reserve(slots(0), 0);
    pending.expire(1999);
    assert.equal(pending.size, 1);
    pending.expire(2000);
    assert.equal(pending.size, 0);
  });

  test("limits of pipelines and open containers are those of the volumes (spec 01 §12, 03 §11.3)", () => {
    const rig = new PlacementRig(racksOf(1, 1));
    const { targets } = rig.placement;
    assert.equal(targets.pipelineLimit(nodeSlot(0)), 2);
    assert.equal(targets.pipelineLimit(nodeSlot(9)), 0, "nobody knows it");
    // One volume: 1 + (3 × 1 − 1) / 2 = 2.
    assert.equal(targets.openContainerLimit(slots(0, 1)), 2);
    assert.equal(targets.openContainerLimit(slots(0, 9)), 0);
    assert.equal(targets.openContainerLimit([]), Number.POSITIVE_INFINITY);
    assert.equal(targets.healthyVolumeCount(nodeSlot(0)), 1);
  });
});
