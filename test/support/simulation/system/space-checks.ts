import { CONTAINER_BYTES } from "../../../../bench/fleet/datanode-model.js";
import { OPERATION, type Operation } from "../../../../engine/cluster/operation.js";
import {
  bodyOfOutcome,
  readCreatedPipeline,
  readFirstContainerId,
} from "../../../../engine/cluster/operation-result.js";
import type { ProposalCallback } from "../../../../engine/consensus/consensus.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import type { Scm } from "../../../../engine/scm.js";
import type { NodeReport, PipelineRecord } from "../../../../protocol/schema/records.js";
import { PromisedRoom } from "./promised-room.js";
import type { SimScm } from "./sim-scm.js";

/** One leader in one term of one life: who comes next knows nothing of its promises. */
interface Office {
  readonly scm: Scm;
  readonly term: number;
  readonly room: PromisedRoom;
}

/** Containers that an operation creates, and where. */
interface Creation {
  readonly pipelineId: string;
  readonly members: PipelineRecord["members"];
  readonly count: number;
}

/** No container is created on a datanode without space (spec 01 §11, 05 §2). Looked at when a leader proposes
 * one: what it knows then is what binds it, and nothing else brings one into the log. */
export class SpaceChecks {
  readonly #onFailure: (error: unknown) => void;
  readonly #offices = new Map<SimScm, Office>();
  /** What leaders proposed. */
  readonly counters = { proposed: 0 };

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** A new process serves. */
  watch(machine: SimScm, scm: Scm): void {
    const { raft } = scm;
    const propose = raft.propose.bind(raft);
    raft.propose = (operation, onOutcome) => {
      let isRefused = false;
      let settle: ProposalCallback = () => {
        isRefused = true;
      };
      propose(operation, (outcome) => {
        settle(outcome);
        onOutcome(outcome);
      });
      // Who does not lead, or has too much to do, refuses at once.
      if (!isRefused) settle = this.#proposed(machine, scm, operation);
    };
  }

  /** A datanode has sent a report of these containers. */
  reported(machine: SimScm, uuid: string, has: (containerId: number) => boolean): void {
    this.#offices.get(machine)?.room.reported(uuid, has);
  }

  /** What is to be done when the outcome is known. */
  #proposed(machine: SimScm, scm: Scm, operation: Operation): ProposalCallback {
    const creation = creationOf(scm, operation);
    if (creation === undefined) return () => {};
    const { members, count } = creation;
    const { room } = this.#officeOf(machine, scm);
    const slots = members.map(({ details }) => ({ uuid: details.uuid, slots: slotsOf(scm, details.uuid) }));
    this.counters.proposed += count;
    try {
      const proposed = room.propose(slots, count, machine.clock.monotonicMs());
      return (outcome) => {
        const body = bodyOfOutcome(outcome);
        const first = body instanceof StrataError ? undefined : firstCreated(scm, creation, body);
        if (first === undefined) room.refused(proposed);
        else room.created(proposed, first);
      };
    } catch (error) {
      this.#onFailure(error);
      return () => {};
    }
  }

  #officeOf(machine: SimScm, scm: Scm): Office {
    const { term } = scm.raft.leadership;
    const before = this.#offices.get(machine);
    if (before?.scm === scm && before.term === term) return before;
    const office = { scm, term, room: new PromisedRoom(2 * machine.config.placement.pendingRollMs) };
    this.#offices.set(machine, office);
    return office;
  }
}

function creationOf({ cluster }: Scm, operation: Operation): Creation | undefined {
  if (operation.kind === OPERATION.createPipeline && operation.containerOwner !== undefined) {
    return { ...operation.pipeline, count: 1 };
  }
  if (operation.kind !== OPERATION.createContainers) return undefined;
  const pipeline = cluster.pipelines.get(operation.pipelineId);
  return pipeline && { ...pipeline, count: operation.count };
}

/** Undefined when nothing was created: a session may answer with what became of an earlier attempt. */
function firstCreated({ cluster }: Scm, { pipelineId }: Creation, body: Uint8Array): number | undefined {
  const first = readCreatedPipeline(body)?.containerId ?? readFirstContainerId(body);
  if (first === undefined) return undefined;
  return cluster.containers.get(first)?.pipelineId === pipelineId ? first : undefined;
}

/** Containers that fit by the last report of the datanode that the SCM has taken. */
function slotsOf({ nodes }: Scm, uuid: Uuid): number {
  const slot = nodes.slotOf(uuid);
  const report: NodeReport | undefined = slot === undefined ? undefined : nodes.index.at(slot).report;
  const volumes = report?.storageReports.filter(({ failed }) => !failed) ?? [];
  return volumes.reduce((sum, { remaining, committed, freeSpaceToSpare }) => {
    const usableBytes = remaining - committed - freeSpaceToSpare;
    return sum + (usableBytes <= 0 ? 0 : Math.floor(usableBytes / CONTAINER_BYTES));
  }, 0);
}
