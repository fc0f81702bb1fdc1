/** The reference's classes, as its configuration names them. */
const ALGORITHMS = "org.apache.hadoop.hdds.scm.container.placement.algorithms";

export const RANDOM = `${ALGORITHMS}.SCMContainerPlacementRandom`;
export const CAPACITY = `${ALGORITHMS}.SCMContainerPlacementCapacity`;
export const RACK_AWARE = `${ALGORITHMS}.SCMContainerPlacementRackAware`;
export const RACK_SCATTER = `${ALGORITHMS}.SCMContainerPlacementRackScatter`;
export const PIPELINE = "org.apache.hadoop.hdds.scm.pipeline.PipelinePlacementPolicy";
