import { logIndex, term } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import type { Message, StorageAppend, StorageApply } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import { RawNode } from "../../../engine/raft/raw-node.js";
import type { TraceEvent } from "../../../engine/raft/trace.js";
import type { ConfState, Entry, HardState, LogView, RaftConfig } from "../../../engine/raft/types.js";
import { NO_NODE, nodeId } from "../../../engine/raft/types.js";
import { MemoryLog } from "./memory-log.js";

export const LONE_ID = nodeId(1);
export const LONE_CONF_STATE: ConfState = {
  voters: [LONE_ID],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
export const FRESH_HARD_STATE: HardState = { term: term(0), vote: NO_NODE, commit: logIndex(0) };

export function loneConfig(changes: Partial<RaftConfig> = {}): RaftConfig {
  return {
    id: LONE_ID,
    electionTimeoutTicks: 10,
    heartbeatTicks: 1,
    asyncStorageWrites: true,
    preVote: true,
    checkQuorum: true,
    readOnly: "safe",
    appendBytesMax: 1 << 20,
    inflightLimits: { countMax: 256, bytesMax: 1 << 26 },
    stepDownOnRemoval: true,
    disableConfChangeValidation: false,
    entryBytesMax: 1024,
    uncommittedBytesMax: 1 << 20,
    committedBytesPerReadyMax: 1 << 20,
    termFloor: term(0),
    ...changes,
  };
}

/** A core with its two writers, whose work the test completes step by step, and what would be on its disk. */
export class LoneVoter {
  readonly node: RawNode;
  readonly events: TraceEvent[] = [];
  /** Handed out and not done yet, in order. */
  readonly appends: StorageAppend[] = [];
  readonly applies: StorageApply[] = [];
  /** Durable. */
  readonly disk: MemoryLog;
  hardState: HardState;
  readonly applied: Entry[] = [];

  constructor(
    config: RaftConfig,
    disk = new MemoryLog(),
    hardState = FRESH_HARD_STATE,
    applied = disk.truncated.index,
  ) {
    this.disk = disk;
    this.hardState = hardState;
    const view: LogView = disk;
    const random = new SeededRandom(1);
    this.node = new RawNode(
      config,
      { hardState, confState: LONE_CONF_STATE, applied },
      view,
      (bound) => random.below(bound),
      { event: (_, event) => this.events.push(event) },
    );
  }

  /** Takes what is ready and queues it for the writers. */
  takeReady(): void {
    while (this.node.hasReady()) {
      for (const message of this.node.ready().messages) {
        if (message.kind === MESSAGE_KIND.STORAGE_APPEND) this.appends.push(message);
        else if (message.kind === MESSAGE_KIND.STORAGE_APPLY) this.applies.push(message);
        else throw new Error(`a lone voter sends nothing, but: ${JSON.stringify(message)}`);
      }
      this.node.checkInvariants();
    }
  }

  /** Makes the oldest append durable. */
  write(): StorageAppend | undefined {
    const append = this.appends.shift();
    if (append === undefined) return undefined;
    this.disk.write(append.entries);
    if (append.hardState !== undefined) this.hardState = append.hardState;
    return append;
  }

  deliver(responses: readonly Message[]): void {
    for (const response of responses) {
      this.node.step(response);
      this.node.checkInvariants();
    }
  }

  /** Writes and answers the oldest append. */
  writeAndAnswer(): boolean {
    const append = this.write();
    if (append !== undefined) this.deliver(append.responses);
    return append !== undefined;
  }

  /** Applies and answers the oldest apply. */
  apply(): boolean {
    const apply = this.applies.shift();
    if (apply === undefined) return false;
    this.applied.push(...apply.entries);
    this.deliver(apply.responses);
    return true;
  }

  /** Does all work until none is left. */
  settle(): void {
    do this.takeReady();
    while (this.writeAndAnswer() || this.apply());
  }

  get kinds(): string[] {
    return this.events.map((event) => event.kind);
  }
}
