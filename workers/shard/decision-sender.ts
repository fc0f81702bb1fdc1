import { REPLICA_ACTION, type ReplicaAction } from "../../engine/cluster/containers/replica-rules.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";
import { REPLICA_COUNT_MAX } from "../shared/replica-layout.js";
import { DECISION_BYTES, type ReplicaDecision, sendDecision } from "../shared/shard-records.js";
import type { ShardCounters } from "./shard-counters.js";

/** Part of the channel to main that decisions leave free: merged chunks and answers are waited for. */
const ROOM_FOR_ANSWERS = 1 / 4;
/** Decisions about one container, with the headers of their records. */
const CONTAINER_BYTES = REPLICA_COUNT_MAX * (DECISION_BYTES + 8);

export interface DecisionSenderOptions {
  readonly sender: ChannelSender;
  readonly counters: ShardCounters;
  readonly sendsUnknown: boolean;
}

/** Tells main what replicas mean for their containers. It never waits and keeps nothing back: a decision
 * without room is dropped, its replica stays unsettled, and a recheck finds it again. */
export class DecisionSender {
  readonly #sender: ChannelSender;
  readonly #counters: ShardCounters;
  readonly sendsUnknown: boolean;
  #isRecheckDue = false;

  constructor({ sender, counters, sendsUnknown }: DecisionSenderOptions) {
    this.#sender = sender;
    this.#counters = counters;
    this.sendsUnknown = sendsUnknown;
  }

  /** Whether all decisions about one container are sure to find room. */
  get hasRoom(): boolean {
    return this.#sender.hasRoom(this.#sender.capacityBytes * ROOM_FOR_ANSWERS + CONTAINER_BYTES);
  }

  /** Whether decisions were dropped and there is room again; asking takes the note away. */
  takeRecheckDue(): boolean {
    if (!this.#isRecheckDue || !this.#sender.hasRoom(this.#sender.capacityBytes / 2)) return false;
    this.#isRecheckDue = false;
    return true;
  }

  send(decision: Readonly<ReplicaDecision>): void {
    const action = decision.action as ReplicaAction;
    if (action === REPLICA_ACTION.UNKNOWN && !this.sendsUnknown) return;
    if (action === REPLICA_ACTION.STALE) this.#counters.staleCount++;
    const isRoomLeft = this.#sender.hasRoom(this.#sender.capacityBytes * ROOM_FOR_ANSWERS);
    if (isRoomLeft && sendDecision(this.#sender, decision)) {
      this.#counters.decisionCount++;
    } else {
      this.#counters.recheckDueCount++;
      this.#isRecheckDue = true;
    }
  }
}
