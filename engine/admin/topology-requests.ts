import type { RequestOf } from "../../protocol/schema/messages.js";
import type { DatanodeDetails } from "../../protocol/schema/records.js";
import { NONE } from "../cluster/topology/topology.js";
import type { NodeSlot } from "../core/ids.js";
import type { LateAnswer } from "../gateway/answer.js";
import type { AdminServices } from "./admin-services.js";
import { checkCount } from "./request-checks.js";

const PAGE_COUNT_MAX = 256;

/** Racks and the ways between them (spec 05 §12). */
export class TopologyRequests {
  readonly #services: AdminServices;

  constructor(services: AdminServices) {
    this.#services = services;
  }

  tree(request: RequestOf<"getClusterTree">, answer: LateAnswer<"getClusterTree">): void {
    checkCount("countMax", request.countMax, PAGE_COUNT_MAX);
    const { index, topology } = this.#services.nodes;
    const datanodes: DatanodeDetails[] = [];
    let more = false;
    for (const { slot, details } of index.inOrder(request.after)) {
      if (topology.rackOf(slot) === NONE) continue;
      more = datanodes.length === request.countMax;
      if (more) break;
      datanodes.push(details);
    }
    answer.done({ levels: topology.schema.levels, datanodes, more });
  }

  sort(request: RequestOf<"sortDatanodes">, answer: LateAnswer<"sortDatanodes">): void {
    const { nodes, clients, random } = this.#services;
    clients.find(request.client, (place) => {
      const slots: NodeSlot[] = [];
      for (const uuid of new Set(request.uuids)) {
        const slot = nodes.slotOf(uuid);
        if (slot !== undefined) slots.push(slot);
      }
      nodes.topology.sort(slots, place, random);
      answer.done({ datanodes: slots.map((slot) => nodes.index.at(slot).details) });
    });
  }
}
