import {
  parseReplication,
  type ReplicationConfig,
  ratis,
  requiredNodes,
  standAlone,
} from "../../../engine/cluster/containers/replication-config.js";
import { PROVING_REPLICA_STATE } from "../../../engine/cluster/containers/resurrection.js";
import type { CreatePipeline, Operation, SessionStamp } from "../../../engine/cluster/operation.js";
import { NO_SESSION, OPERATION } from "../../../engine/cluster/operation.js";
import { SETTABLE_PIPELINE_STATE } from "../../../engine/cluster/pipelines/pipeline-state.js";
import { CONTAINER_EVENT, CONTAINER_STATE, OPERATIONAL_STATE } from "../../../engine/core/enums.js";
import type { SeededRandom } from "../../../engine/core/random.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import {
  containerRecord,
  datanodeDetails,
  importBatch,
  memberOf,
  pipelineRecord,
  suppressContainers,
  uuidOf,
} from "./builders.js";

/** Turns before an import may end: after that there are few new containers. */
const END_IMPORT_AFTER = 150;

/** Draws operations that mostly make sense, so that every branch is met. */
export class OperationSource {
  readonly #random: SeededRandom;
  #turnCount = 0;
  readonly #sessions: { id: number; next: number; acked: number }[] = [];
  #highestId = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  opened(id: number): void {
    this.#sessions.push({ id, next: 1, acked: 0 });
  }

  turn(): Operation[] {
    this.#turnCount++;
    return Array.from({ length: 1 + this.#random.below(6) }, () => this.#one());
  }

  #one(): Operation {
    const session = this.#stamp();
    const pick = this.#random.below(100);
    if (pick < 20) return this.#pipelineStep(session);
    if (pick < 40) return suppressContainers(this.#ids(), this.#random.below(2) === 0, session);
    if (pick < 55) return this.#import(session);
    if (pick < 77) return this.#transition(session);
    if (pick < 80) return this.#resurrection(session);
    if (pick < 86) return { kind: OPERATION.openSession, session: NO_SESSION, clientName: "client ü" };
    if (pick < 92) {
      return {
        kind: OPERATION.setNodeIntent,
        session,
        uuid: uuidOf(this.#random.below(5)),
        operationalState: this.#nameOf(OPERATIONAL_STATE),
        expirySeconds: this.#random.below(3),
      };
    }
    if (pick < 94) return this.#setMember(session);
    if (pick < 95) return this.#newGroup(session);
    if (pick < 98) return { kind: OPERATION.reserveSequence, session, sequence: "localId", count: 1000 };
    if (this.#turnCount > END_IMPORT_AFTER && this.#random.below(2) === 0)
      return { kind: OPERATION.endImport, session };
    return { kind: OPERATION.hashAt, session };
  }

  /** Fresh, repeated, skipped, unknown: whatever a retrying client may send. */
  #stamp(): SessionStamp {
    const session = this.#sessions[this.#random.below(this.#sessions.length + 1)];
    if (session === undefined) return NO_SESSION;
    const pick = this.#random.below(20);
    if (pick === 0) return { sessionId: 999_999, sequence: 1, ackedSequence: 0 };
    if (pick === 1)
      return { sessionId: session.id, sequence: session.next + 2000, ackedSequence: session.acked };
    if (pick < 5) {
      const sequence = this.#random.below(session.next + 1);
      return { sessionId: session.id, sequence, ackedSequence: session.acked };
    }
    if (pick < 8) session.next += this.#random.below(20);
    if (pick < 14) session.acked = Math.max(session.acked, session.next - 1 - this.#random.below(30));
    return { sessionId: session.id, sequence: session.next++, ackedSequence: session.acked };
  }

  /** Of the group, long gone, or never heard of; sometimes with the id of another one. */
  #setMember(session: SessionStamp): Operation {
    const number = 1 + this.#random.below(8);
    const { scmId } = memberOf(this.#random.below(6) === 0 ? 1 + this.#random.below(8) : number);
    const host = `10.1.0.${this.#random.below(3)}`;
    return { kind: OPERATION.setMember, session, member: memberOf(number, { scmId, host }) };
  }

  /** Now and then of more ids than there are. */
  #newGroup(session: SessionStamp): Operation {
    const count = (): number => (this.#random.below(40) === 0 ? 2 ** 53 - 1 : this.#random.below(1000));
    return {
      kind: OPERATION.newGroup,
      session,
      skipped: { localId: count(), delTxnId: count(), containerId: 3, CertificateId: count() },
      skippedSessionIds: this.#random.below(3),
      skippedNodeIds: 0,
    };
  }

  /** The ids are those of imported pipelines, too. */
  #pipelineStep(session: SessionStamp): Operation {
    const pipelineId = uuidOf(1_000_000 + this.#random.below(14));
    switch (this.#random.below(8)) {
      case 6:
      case 7: {
        const owner = `om${this.#random.below(3)}`;
        const count = this.#random.below(40) === 0 ? 1025 : this.#random.below(4);
        return { kind: OPERATION.createContainers, session, pipelineId, owner, count };
      }
      case 0:
      case 1:
        return { kind: OPERATION.createPipeline, session, ...this.#newPipeline(pipelineId) };
      case 2:
      case 3: {
        const leader = this.#random.below(2) === 0 ? {} : { leaderId: uuidOf(this.#random.below(5)) };
        const state = this.#nameOf(SETTABLE_PIPELINE_STATE);
        return { kind: OPERATION.setPipelineState, session, pipelineId, state, ...leader };
      }
      case 4: {
        const containers = this.#ids().map((containerId) => ({
          containerId,
          sequenceId: this.#random.below(300),
          usedBytes: this.#random.below(1_000_000),
          keyCount: this.#random.below(100),
        }));
        return { kind: OPERATION.closePipeline, session, pipelineId, containers };
      }
      default:
        return { kind: OPERATION.removePipeline, session, pipelineId };
    }
  }

  /** Sometimes with a member too few, or an owner where there is no container yet. */
  #newPipeline(pipelineId: Uuid): Pick<CreatePipeline, "pipeline" | "containerOwner"> {
    const replication = [ratis(1), ratis(3), standAlone(1), parseReplication("rs-3-2-1024k")][
      this.#random.below(4)
    ] as ReplicationConfig;
    const isEc = replication.type === "EC";
    const count = requiredNodes(replication) - (this.#random.below(10) === 0 ? 1 : 0);
    const members = Array.from({ length: count }, (_, at) => ({
      details: datanodeDetails(at + 1 + this.#random.below(2) * 10),
      replicaIndex: isEc ? at + 1 : 0,
    }));
    const first = members[0]?.details.uuid;
    const suggestion = this.#random.below(2) === 0 || first === undefined ? {} : { suggestedLeaderId: first };
    const hasOwner = this.#random.below(isEc ? 2 : 8) === 0;
    const owner = hasOwner ? { containerOwner: `om${this.#random.below(3)}` } : {};
    return { pipeline: { pipelineId, replication, members, ...suggestion }, ...owner };
  }

  #ids(): number[] {
    return Array.from({ length: 1 + this.#random.below(4) }, () => this.#id());
  }

  #id(): number {
    return 1 + this.#random.below(this.#highestId + 3);
  }

  #import(session: SessionStamp): Operation {
    let id = this.#random.below(3) === 0 ? this.#id() : this.#highestId;
    if (this.#random.below(10) === 0) id += 70_000;
    if (this.#random.below(25) === 0) id += 5_000_000;
    const containers = Array.from({ length: this.#random.below(5) }, () => {
      id += 1 + this.#random.below(3);
      return containerRecord(id, {
        state: this.#nameOf(CONTAINER_STATE),
        owner: `om${this.#random.below(3)}`,
        replication: this.#random.below(4) === 0 ? parseReplication("rs-3-2-1024k") : ratis(3),
        suppressed: this.#random.below(4) === 0,
        ...(this.#random.below(2) === 0 ? {} : { pipelineId: uuidOf(1_000_000 + this.#random.below(12)) }),
      });
    });
    const pipelines = Array.from({ length: this.#random.below(3) }, () => {
      return pipelineRecord(this.#random.below(12), this.#random.below(6) === 0 ? { state: "CLOSED" } : {});
    });
    if (id < this.#highestId + 100_000) this.#highestId = Math.max(this.#highestId, id);
    return importBatch(containers, pipelines, session);
  }

  #transition(session: SessionStamp): Operation {
    return {
      kind: OPERATION.transitionContainer,
      session,
      containerId: this.#id(),
      event: this.#nameOf(CONTAINER_EVENT),
      sequenceId: this.#random.below(300),
      usedBytes: this.#random.below(1_000_000),
      keyCount: this.#random.below(100),
    };
  }

  #resurrection(session: SessionStamp): Operation {
    return {
      kind: OPERATION.resurrectContainer,
      session,
      containerId: this.#id(),
      replicaState: this.#nameOf(PROVING_REPLICA_STATE),
      sequenceId: this.#random.below(300),
      usedBytes: this.#random.below(1_000_000),
      keyCount: this.#random.below(100),
    };
  }

  #nameOf<T extends Readonly<Record<string, number>>>(table: T): keyof T & string {
    const names = Object.keys(table);
    return names[this.#random.below(names.length)] as string;
  }
}
