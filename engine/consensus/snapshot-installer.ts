import { assert } from "../core/assert.js";
import type { LogIndex } from "../core/ids.js";
import type { Message, StorageAppend } from "../raft/message.js";
import type { RaftCore } from "../raft/raw-node.js";
import type { Entry, EntryId } from "../raft/types.js";
import type { AppendPipeline } from "./append-pipeline.js";
import type { ApplyQueue } from "./apply-queue.js";
import type { ArrivedSnapshot, SnapshotReceiver } from "./snapshots.js";

export interface SnapshotInstallerParts {
  readonly core: RaftCore;
  readonly receiver: SnapshotReceiver;
  readonly applying: ApplyQueue;
  readonly pipeline: AppendPipeline;
  /** The log in memory begins anew after `id`, then come `entries`. */
  restoreLog(id: EntryId, entries: readonly Entry[]): void;
  /** Gives messages of the append thread their way. */
  deliver(messages: readonly Message[]): void;
  /** Does what the core wants done, without applying. */
  takeReadies(): void;
  /** Log and state are those of the snapshot now. */
  onInstalled(index: LogIndex): void;
}

/** The way of a snapshot that has arrived, from the disk into the core, the log and the state machine. */
export class SnapshotInstaller {
  readonly #parts: SnapshotInstallerParts;
  /** Was given to the core, which may have it installed. */
  #arrived: ArrivedSnapshot | undefined;
  #isInstalling = false;
  /** Messages of later appends that became durable while the state machine was not there yet: what the core
   * hears of its log comes in order. Undefined while nothing has to wait. */
  #later: Message[] | undefined;

  constructor(parts: SnapshotInstallerParts) {
    this.#parts = parts;
  }

  /** The state machine is between two states: nothing may be read or applied. */
  get isInstalling(): boolean {
    return this.#isInstalling;
  }

  /** Messages that speak for an append, which is durable. */
  onDurable(responses: readonly Message[]): void {
    if (this.#later === undefined) this.#parts.deliver(responses);
    else this.#later.push(...responses);
  }

  /** The core decides whether it is worth having. */
  offer(arrived: ArrivedSnapshot): void {
    const { core, receiver, takeReadies } = this.#parts;
    takeReadies();
    this.#arrived = arrived;
    core.step(arrived.message);
    takeReadies();
    if (this.#arrived === undefined) return;
    this.#arrived = undefined;
    receiver.discard(arrived);
  }

  /** Takes the append by which the core wants it installed. What was handed out for applying is part of the
   * snapshot, and the core acts on its membership already: it is dropped. */
  install(message: StorageAppend): void {
    const { applying, pipeline, receiver, restoreLog, deliver, onInstalled } = this.#parts;
    const { snapshot } = message;
    const arrived = this.#arrived;
    assert(
      snapshot !== undefined && arrived?.message.snapshot === snapshot,
      "it is the one that has arrived",
    );
    this.#arrived = undefined;
    this.#isInstalling = true;
    for (const dropped of applying.clear()) deliver(dropped.responses);
    restoreLog(snapshot.id, message.entries);
    const { chain, stateDirectory } = arrived;
    pipeline.install(message, { chain, stateDirectory }, (responses) => {
      const later: Message[] = [];
      this.#later = later;
      receiver.install(arrived, () => {
        this.#isInstalling = false;
        onInstalled(snapshot.id.index);
        this.#later = undefined;
        deliver(responses);
        deliver(later);
      });
    });
  }
}
