import type { PipelineFacts } from "../cluster/blocks/choose-policy.js";
import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { PipelineReports } from "../cluster/pipelines/pipeline-reports.js";
import type { Uuid } from "../core/uuid.js";

/** What the choose policies ask, from what datanodes report. */
export function pipelineFacts(
  reports: Pick<PipelineReports, "isHealthy">,
  nodes: Pick<NodeManager, "slotOf" | "index">,
): PipelineFacts {
  const usedRatio = (uuid: Uuid): number => {
    const slot = nodes.slotOf(uuid);
    if (slot === undefined) return 0;
    const { scmUsed, capacity } = nodes.index.at(slot).usage;
    return capacity === 0 ? 0 : scmUsed / capacity;
  };
  return {
    isHealthy: ({ record }) => reports.isHealthy(record),
    usedRatios: ({ record }) =>
      record.members.map(({ details }) => usedRatio(details.uuid)).sort((a, b) => b - a),
  };
}
