/** How a policy wants replicas spread (spec 03 §15.1). */
export interface RackRules {
  /** Racks that `replicaCount` replicas should have, of `rackCount` that there are. */
  requiredRacks(replicaCount: number, rackCount: number): number;
  /** Most replicas on one rack, when they are on `rackCount` racks. */
  maxPerRack(replicaCount: number, rackCount: number): number;
}

/** Racks do not matter: Random and Capacity. */
export const ANY_RACK: RackRules = {
  requiredRacks: () => 1,
  maxPerRack: evenShare,
};

/** Two racks, and not all on one of them: RackAware and the policy of pipelines. */
export const TWO_RACKS: RackRules = {
  requiredRacks: (_, rackCount) => Math.min(2, rackCount),
  maxPerRack: (replicaCount, rackCount) => (rackCount === 1 ? replicaCount : Math.max(replicaCount - 1, 1)),
};

/** As many racks as possible, evenly: RackScatter. */
export const ALL_RACKS: RackRules = {
  requiredRacks: (replicaCount, rackCount) => Math.min(replicaCount, rackCount),
  maxPerRack: evenShare,
};

/** All of them while there is no rack (spec 03 §19.11). */
function evenShare(replicaCount: number, rackCount: number): number {
  return rackCount <= 0 ? replicaCount : Math.ceil(replicaCount / rackCount);
}
