import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type {
  PlacementPolicy,
  PlacementRequest,
} from "../../../../../engine/cluster/placement/placement-policy.js";
import { StrataError } from "../../../../../engine/core/errors.js";
import { type NodeSlot, nodeSlot } from "../../../../../engine/core/ids.js";
import {
  METADATA_BYTES,
  type NodePlan,
  naiveStatus,
  PlacementRig,
} from "../../../../support/placement/placement-rig.js";

const CODES = [
  "FAILED_TO_FIND_HEALTHY_NODES",
  "FAILED_TO_FIND_SUITABLE_NODE",
  "FAILED_TO_FIND_NODES_WITH_SPACE",
  "INVALID_CAPACITY",
];

const PLAN = fc.record<NodePlan>({
  rack: fc.nat(4),
  health: fc.constantFrom("HEALTHY", "HEALTHY", "HEALTHY", "STALE", "HEALTHY_READONLY", "DEAD"),
  operationalState: fc.constantFrom(
    "IN_SERVICE",
    "IN_SERVICE",
    "IN_SERVICE",
    "IN_MAINTENANCE",
    "DECOMMISSIONING",
  ),
  slots: fc.constantFrom(0, 1, 5),
  metadataBytes: fc.constantFrom(METADATA_BYTES, METADATA_BYTES + 1),
  scmUsed: fc.nat(1000),
  pipelineCount: fc.nat(2),
});

const CLUSTER = fc.record({
  plans: fc.array(PLAN, { minLength: 1, maxLength: 9, size: "max" }),
  seed: fc.nat(1_000_000),
});

/** Slots beyond the nodes are not known to anybody; some stand in a list twice. */
const SLOTS = fc.array(fc.nat(10).map(nodeSlot), { maxLength: 4, size: "max" });

const REQUEST = fc.record<PlacementRequest>(
  {
    used: SLOTS,
    excluded: SLOTS,
    favoured: SLOTS,
    required: fc.integer({ min: 1, max: 6 }),
    metadataBytes: fc.constantFrom(0, METADATA_BYTES),
  },
  { requiredKeys: ["required", "metadataBytes"] },
);

/** Who may be chosen, by what the plans say (spec 03 §13.4). */
function candidatesOf({ plans }: PlacementRig, request: PlacementRequest): NodeSlot[] {
  const { used = [], excluded = [], metadataBytes } = request;
  return plans.flatMap((plan, number) => {
    const node = nodeSlot(number);
    const isFit =
      plan.health === "HEALTHY" &&
      plan.operationalState === "IN_SERVICE" &&
      (plan.slots as number) > 0 &&
      (metadataBytes === 0 || (plan.metadataBytes as number) > metadataBytes);
    return isFit && !used.includes(node) && !excluded.includes(node) ? [node] : [];
  });
}

function* subsets(nodes: readonly NodeSlot[], count: number): Generator<NodeSlot[]> {
  if (count === 0) yield [];
  for (const [at, node] of nodes.entries()) {
    for (const rest of subsets(nodes.slice(at + 1), count - 1)) yield [node, ...rest];
  }
}

function attempt(policy: PlacementPolicy, request: PlacementRequest): readonly NodeSlot[] | StrataError {
  try {
    return policy.choose(request);
  } catch (error) {
    assert.ok(error instanceof StrataError, String(error));
    assert.ok(CODES.includes(error.code), error.code);
    return error;
  }
}

/** Locations that count for racks: of nodes in the tree, and of those that are down for maintenance. */
function locationsOf(rig: PlacementRig, nodes: readonly NodeSlot[]): string[] {
  return [...new Set(nodes)].flatMap((node) => {
    const plan = rig.plans[node];
    if (plan === undefined) return [];
    return plan.health !== "DEAD" || plan.operationalState === "IN_MAINTENANCE" ? [rig.locationOf(node)] : [];
  });
}

function rackCountOf({ plans }: PlacementRig): number {
  return new Set(plans.filter(({ health }) => health !== "DEAD").map(({ rack }) => rack)).size;
}

type Kind = "two" | "all" | "any";

/** A choice is of different candidates, and satisfied if there is one at all that is. */
function checkChoice(
  rig: PlacementRig,
  kind: Kind,
  policy: PlacementPolicy,
  request: PlacementRequest,
): void {
  const { used = [], required } = request;
  const candidates = candidatesOf(rig, request);
  const replicaCount = new Set(used).size + required;
  const isSatisfying = (chosen: readonly NodeSlot[]) =>
    naiveStatus(kind, locationsOf(rig, [...used, ...chosen]), replicaCount, rackCountOf(rig)).isSatisfied;
  const chosen = attempt(policy, request);
  const best = [...subsets(candidates, required)].find(isSatisfying);
  if (chosen instanceof StrataError) {
    assert.equal(best, undefined, `${chosen.message}, though ${best} would do`);
    return;
  }
  assert.equal(chosen.length, required);
  assert.equal(new Set(chosen).size, required, `${chosen}`);
  for (const node of chosen) assert.ok(candidates.includes(node), `${node} is no candidate`);
  if (best !== undefined) assert.ok(isSatisfying(chosen), `${chosen}, though ${best} would do`);
  const status = policy.validate([...new Set([...used, ...chosen])], replicaCount);
  assert.equal(status.isSatisfied, isSatisfying(chosen));
}

suite("placement policies", () => {
  const runs = { numRuns: 1500 };

  test("RackAware satisfies the placement whenever it can be, and fails only for want of nodes", () => {
    fc.assert(
      fc.property(CLUSTER, REQUEST, ({ plans, seed }, request) => {
        const rig = new PlacementRig(plans, { seed });
        const policy = rig.placement.containers;
        checkChoice(rig, "two", policy, request);
        const isEnough = candidatesOf(rig, request).length >= request.required;
        assert.equal(attempt(policy, request) instanceof StrataError, !isEnough);
      }),
      runs,
    );
  });

  test("RackScatter satisfies the placement whenever that is possible, and never spreads it worse", () => {
    fc.assert(
      fc.property(CLUSTER, REQUEST, fc.boolean(), ({ plans, seed }, request, isCapacityAware) => {
        const rig = new PlacementRig(plans, { seed, isCapacityAware });
        const policy = rig.placement.ec;
        checkChoice(rig, "all", policy, request);
        const used = [...new Set(request.used ?? [])];
        const chosen = attempt(policy, request);
        if (chosen instanceof StrataError) return;
        const replicaCount = used.length + request.required;
        const missesOf = (nodes: readonly NodeSlot[]) =>
          naiveStatus("all", locationsOf(rig, nodes), replicaCount, rackCountOf(rig)).misReplicationCount;
        assert.ok(missesOf([...used, ...chosen]) <= Math.max(0, missesOf(used)));
      }),
      runs,
    );
  });

  test("Random and Capacity fail only for want of nodes", () => {
    const algorithms = "org.apache.hadoop.hdds.scm.container.placement.algorithms";
    fc.assert(
      fc.property(CLUSTER, REQUEST, ({ plans, seed }, request) => {
        const rig = new PlacementRig(plans, {
          seed,
          containerPolicy: `${algorithms}.SCMContainerPlacementRandom`,
          ecPolicy: `${algorithms}.SCMContainerPlacementCapacity`,
        });
        const isEnough = candidatesOf(rig, request).length >= request.required;
        for (const policy of [rig.placement.containers, rig.placement.ec]) {
          checkChoice(rig, "any", policy, request);
          assert.equal(attempt(policy, request) instanceof StrataError, !isEnough);
        }
      }),
      runs,
    );
  });

  test("a pipeline's members are on two racks whenever nodes with room for one are", () => {
    const request = fc.record<PlacementRequest>({
      excluded: SLOTS,
      required: fc.constant(3),
      metadataBytes: fc.constantFrom(0, METADATA_BYTES),
    });
    fc.assert(
      fc.property(CLUSTER, request, ({ plans, seed }, asked) => {
        const rig = new PlacementRig(plans, { seed });
        // Limit of pipelines a node: 2.
        const full = plans.flatMap(({ pipelineCount }, node) =>
          pipelineCount === 2 ? [nodeSlot(node)] : [],
        );
        const excluded = [...(asked.excluded ?? []), ...full];
        checkChoice(rig, "two", rig.placement.pipelines, { ...asked, excluded });
        const chosen = attempt(rig.placement.pipelines, asked);
        if (chosen instanceof StrataError) return;
        for (const node of chosen) assert.ok(!full.includes(node), `${node} has its pipelines`);
      }),
      runs,
    );
  });

  test("the same seed gives the same choices", () => {
    fc.assert(
      fc.property(CLUSTER, fc.array(REQUEST, { maxLength: 4 }), ({ plans, seed }, requests) => {
        const play = () => {
          const { containers, ec, pipelines } = new PlacementRig(plans, { seed }).placement;
          return [containers, ec, pipelines].flatMap((policy) =>
            requests.map((request) => String(attempt(policy, request))),
          );
        };
        assert.deepEqual(play(), play());
      }),
      { numRuns: 100 },
    );
  });
});
