import { setImmediate as endOfTurn } from "node:timers/promises";
import { main } from "../../engine/cli/main.js";
import { realParts } from "../../engine/cli/real-parts.js";
import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { NodeSlot } from "../../engine/core/ids.js";
import type { Scm } from "../../engine/scm.js";
import { startScm } from "../../engine/scm-process.js";
import type { Completion } from "../../protocol/client/completion.js";
import { FullReport, type ReportLink } from "../../protocol/client/full-report.js";
import type { RequestOf } from "../../protocol/schema/messages.js";
import { FleetPlan, type FleetPlanOptions } from "../fleet/plan.js";
import { PlanReportSource } from "../fleet/plan-report-source.js";

/** The strata binary, with the datanodes of a plan in its main thread: on a message that holds the plan all
 * of them register and ask for credit for a full report, at once. Their rows go the way of all rows from
 * where a gateway hands them over; there is no network, no frame and no datanode that takes CPU. Answers with
 * the time (epoch ms) when the last report was merged. */

const NODES_PER_TURN = 4;

/** Of all reports: rows are written when a chunk is built, and read before the next one is. */
const rows = new Float64Array(128 * 1024);

async function feed(scm: Scm, plan: FleetPlan, onMerged: () => void): Promise<void> {
  let reportsLeft = plan.nodeCount;
  const completion: Completion<unknown> = {
    succeeded: () => {
      if (--reportsLeft === 0) onMerged();
    },
    failed: (error) => {
      throw error;
    },
  };
  for (let node = 0; node < plan.nodeCount; node++) {
    // As many as sockets bring in one turn.
    if (node % NODES_PER_TURN === 0) await endOfTurn();
    const link = linkOf(scm, register(scm, plan, node));
    new FullReport(link, new PlanReportSource(plan, node, rows), 0, completion).begin(true);
  }
}

function register({ nodes }: Scm, plan: FleetPlan, node: number): NodeSlot {
  const registration = {
    details: plan.details(node),
    report: plan.nodeReport(node),
    pipelineReports: [],
    layout: { metadata: 10, software: 10 },
  };
  const outcome = nodes.register(registration, undefined, performance.now());
  assert(outcome.kind === "accepted", "a datanode of the plan is welcome");
  return outcome.slot;
}

/** What a datanode's connection is to its client: requests that the SCM answers. */
function linkOf({ intake }: Scm, slot: NodeSlot): ReportLink {
  const request = (name: string, body: unknown, completion: Completion<unknown>): boolean => {
    const answered = (answer: unknown): void => {
      if (answer instanceof StrataError) completion.failed(answer);
      else completion.succeeded(answer);
    };
    if (name === "fullReportBegin") intake.begin(slot, body as RequestOf<"fullReportBegin">, answered);
    else intake.chunk(slot, body as RequestOf<"fullReportChunk">, answered);
    return true;
  };
  return { request: request as unknown as ReportLink["request"] };
}

process.on("disconnect", () => process.exit(1));
await main({
  ...realParts,
  startScm: async (options) => {
    const running = await startScm(options);
    process.once("message", (message) => {
      const plan = new FleetPlan(message as FleetPlanOptions);
      void feed(running.scm, plan, () => process.send?.({ mergedMs: Date.now() }));
    });
    return running;
  },
});
