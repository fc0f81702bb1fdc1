import type { NodeManager } from "../cluster/nodes/node-manager.js";
import type { Scheduler } from "../core/scheduler.js";
import type { RackLocations } from "../gateway/rack-locations.js";
import type { Logger } from "../telemetry/logger.js";
import { PeriodicService } from "./periodic-service.js";

const INTERVAL_MS = 60_000;

export interface LateRacksParts {
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly nodes: Pick<NodeManager, "index" | "relocate">;
  readonly racks: Pick<RackLocations, "find" | "failed">;
}

/** Asks again for the racks of datanodes whose registration did not learn them, because the operator's
 * mapping failed then, and moves them there. Otherwise they would stay in a wrong rack until they are
 * started anew. */
export function lateRacksService({ scheduler, logger, nodes, racks }: LateRacksParts): PeriodicService {
  const ask = (host: string): void => {
    racks.find(host, (location) => {
      if (location === undefined) return;
      for (const { slot, uuid } of nodes.index.atAddress(host)) {
        const problem = nodes.relocate(slot, location);
        if (problem !== undefined)
          logger.warn("a datanode's rack is no rack of the topology", { uuid, location, problem });
      }
    });
  };
  return new PeriodicService({
    name: "late racks",
    scheduler,
    intervalMs: INTERVAL_MS,
    task: () => {
      for (const host of racks.failed()) if (nodes.index.atAddress(host).length > 0) ask(host);
    },
  });
}
