import { mayDeleteWithoutForce } from "../../../../bench/fleet/datanode-model.js";
import { SEQUENCE_RISES_IN } from "../../../../engine/cluster/containers/life-cycle.js";
import {
  actionFor,
  REPLICA_ACTION,
  RULE_KIND,
  SEQUENCE_ORDER,
} from "../../../../engine/cluster/containers/replica-rules.js";
import { CONTAINER_STATE, nameOf, REPLICA_STATE } from "../../../../engine/core/enums.js";
import type { Scm } from "../../../../engine/scm.js";
import type { ReportRow } from "../../../../protocol/codec/report-rows.js";
import type { ContainerRecord } from "../../../../protocol/schema/records.js";
import type { SimDatanode } from "./sim-datanode.js";

const NOTHING_TO_DO: ReadonlySet<number> = new Set([
  REPLICA_ACTION.NONE,
  REPLICA_ACTION.STALE,
  REPLICA_ACTION.UNKNOWN,
  REPLICA_ACTION.UNEXPECTED,
]);
const DELETES: ReadonlySet<number> = new Set([REPLICA_ACTION.DELETE, REPLICA_ACTION.FORCE_DELETE]);

export interface DueDecision {
  readonly isDelete: boolean;
  /** For people. */
  readonly text: string;
}

/** What the rules of spec 02 §9 say about the datanodes' true replicas: when all is quiet nothing may be left
 * that they ask for, so that no container is stuck. */
export class DueDecisions {
  /** Highest sequence id that a replica with data in good order ever had. */
  readonly #highest = new Map<number, number>();

  /** A datanode has the replica from now on. */
  held({ containerId, state, sequenceId }: ReportRow): void {
    if (state === "UNHEALTHY" || state === "INVALID" || state === "DELETED") return;
    this.#highest.set(containerId, Math.max(this.#highest.get(containerId) ?? 0, sequenceId));
  }

  /** One of those that are left; undefined when there are none. */
  find({ cluster }: Scm, datanodes: readonly SimDatanode[]): DueDecision | undefined {
    for (const datanode of datanodes) {
      for (const row of datanode.replicas.values()) {
        const container = cluster.containers.get(row.containerId);
        // Containers come in by import, so that every one may still become known.
        if (container === undefined) continue;
        const action = this.#actionOf(container, row);
        if (NOTHING_TO_DO.has(action)) continue;
        if (action === REPLICA_ACTION.DELETE && !mayDeleteWithoutForce(row)) continue;
        const what = `container ${row.containerId} is ${container.state} at ${container.sequenceId}`;
        const why = `dn${datanode.number} holds it ${row.state} at ${row.sequenceId}`;
        const name = nameOf(REPLICA_ACTION, action);
        return { isDelete: DELETES.has(action), text: `${what}, ${why}: ${name} is due` };
      }
    }
    return undefined;
  }

  #actionOf({ containerId, state, replication, sequenceId }: ContainerRecord, row: ReportRow): number {
    const highest = this.#highest.get(containerId) ?? 0;
    // Who was told of a higher one may hold this one to be stale.
    const live = SEQUENCE_RISES_IN.has(state) ? Math.max(sequenceId, highest) : sequenceId;
    const order =
      row.sequenceId < live
        ? SEQUENCE_ORDER.LOWER
        : row.sequenceId === live
          ? SEQUENCE_ORDER.EQUAL
          : SEQUENCE_ORDER.HIGHER;
    const kind = kindOf(replication, row.replicaIndex);
    return actionFor(CONTAINER_STATE[state], REPLICA_STATE[row.state], kind, order, row.isEmpty);
  }
}

function kindOf({ type, ecData }: ContainerRecord["replication"], replicaIndex: number): number {
  if (type !== "EC") return RULE_KIND[type];
  return replicaIndex === 1 || replicaIndex > ecData ? RULE_KIND.EC_PROVING : RULE_KIND.EC_OTHER;
}
