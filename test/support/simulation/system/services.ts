import { NO_SESSION, OPERATION, type Operation } from "../../../../engine/cluster/operation.js";
import { readReservation } from "../../../../engine/cluster/operation-result.js";
import type { SequenceName } from "../../../../engine/cluster/sequence/sequence-table.js";
import type { OperationResult } from "../../../../engine/cluster/state-machine.js";
import type { ContainerEvent } from "../../../../engine/core/enums.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Timer } from "../../../../engine/core/scheduler.js";
import type { IdSpan } from "../../issued-ids.js";
import type { SimWorld } from "../sim-world.js";
import type { BlockChecks } from "./block-checks.js";
import { pick } from "./options.js";
import type { SimPlan } from "./plan.js";
import type { SimGroup } from "./sim-group.js";
import type { SimTrace } from "./trace.js";

const INTERVAL_MS = 400;
const RANGE_MAX = 100;
const SEQUENCES: readonly SequenceName[] = ["localId", "delTxnId", "containerId"];
const EVENTS: readonly ContainerEvent[] = [
  "FINALIZE",
  "QUASI_CLOSE",
  "CLOSE",
  "FORCE_CLOSE",
  "DELETE",
  "DELETE",
  "CLEANUP",
  "CLEANUP",
];

export interface ServicesParts {
  readonly world: SimWorld;
  readonly group: SimGroup;
  readonly plan: SimPlan;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  readonly checks: BlockChecks;
}

/** What an SCM's own services ask of the log: ranges of ids, steps in the life of containers. */
export class Services {
  readonly #parts: ServicesParts;
  #timer: Timer | undefined;

  constructor(parts: ServicesParts) {
    this.#parts = parts;
  }

  work(): void {
    this.#timer = this.#parts.world.scheduler.every(INTERVAL_MS, () => {
      if (this.#parts.random.below(2) === 0) this.#reserve();
      else this.#transition();
    });
  }

  rest(): void {
    this.#timer?.cancel();
  }

  #reserve(): void {
    const { random } = this.#parts;
    const sequence = pick(random, SEQUENCES);
    const count = 1 + random.below(RANGE_MAX);
    this.#propose({ kind: OPERATION.reserveSequence, session: NO_SESSION, sequence, count }, ({ body }) => {
      const { first } = readReservation(body);
      this.#give(sequence, { first, last: first + BigInt(count) - 1n });
    });
  }

  /** In any life of the SCM never twice (S6). */
  #give(sequence: SequenceName, range: IdSpan): void {
    this.#parts.trace.line("ids", `${sequence} ${range.first}…${range.last}`);
    this.#parts.checks.giveSpan(sequence, range);
  }

  #transition(): void {
    const { random, plan } = this.#parts;
    const containerId = pick(random, plan.containerIds);
    const event = pick(random, EVENTS);
    const figures = {
      sequenceId: random.below(1000),
      usedBytes: random.below(1e6),
      keyCount: random.below(1e3),
    };
    const operation = {
      kind: OPERATION.transitionContainer,
      session: NO_SESSION,
      containerId,
      event,
    } as const;
    this.#propose({ ...operation, ...figures }, () => {
      this.#parts.trace.line("life", `${containerId} ${event}`);
    });
  }

  /** On every SCM that thinks it leads. What has no outcome when it dies never gets one. */
  #propose(operation: Operation, onDone: (result: OperationResult) => void): void {
    for (const scm of this.#parts.group.all) {
      if (!scm.leads) continue;
      scm.serving?.raft.propose(operation, (outcome) => {
        if (!(outcome instanceof StrataError) && outcome.error === 0) onDone(outcome);
      });
    }
  }
}
