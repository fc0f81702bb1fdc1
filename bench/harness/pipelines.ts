import { SeededRandom } from "../../engine/core/random.js";
import { randomUuid } from "../../engine/core/uuid.js";
import { createAdminClient } from "../../protocol/client/index.js";
import { FleetPlan, type FleetPlanOptions } from "../fleet/plan.js";

const PIPELINES_PER_REQUEST = 100;

/** Open pipelines of drawn datanodes of a fleet, as an import brings them: the SCM's own would be as many as
 * its datanodes may be in. */
export async function addPipelines(
  endpoint: string,
  fleet: FleetPlanOptions,
  { count, seed }: { readonly count: number; readonly seed: number },
): Promise<void> {
  const plan = new FleetPlan(fleet);
  const random = new SeededRandom(seed);
  const client = createAdminClient({ endpoints: [endpoint], clientName: "bench", timeoutMs: 600_000 });
  for (let left = count; left > 0; left -= PIPELINES_PER_REQUEST) {
    const pipelines = Array.from({ length: Math.min(left, PIPELINES_PER_REQUEST) }, () => ({
      ...plan.pipeline(random.below(plan.nodeCount)),
      pipelineId: randomUuid(random),
    }));
    await client.import({ pipelines, containers: [] });
  }
  client.close();
}
