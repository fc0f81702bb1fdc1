import { SAFE_INTEGER_MAX, term } from "../../engine/core/ids.js";
import { decodeConfChange } from "../../engine/raft/conf-change-codec.js";
import type { Message, StorageAppend, StorageApply } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import { RawNode } from "../../engine/raft/raw-node.js";
import type { Entry, NodeId, RaftConfig, Snapshot } from "../../engine/raft/types.js";
import { ENTRY_TYPE, NO_NODE } from "../../engine/raft/types.js";
import { entryLines } from "./entry-text.js";
import { loggingTrace } from "./log-text.js";
import { messageText } from "./message-text.js";
import { readyText } from "./ready-text.js";
import { CommandError } from "./scenario-errors.js";
import type { ScenarioOutput } from "./scenario-output.js";
import { ScenarioStorage } from "./scenario-storage.js";

export type NodeOptions = Omit<RaftConfig, "id">;

/** Short timeouts and no limits; `add-nodes` may change some. */
export const DEFAULT_NODE_OPTIONS: NodeOptions = {
  electionTimeoutTicks: 3,
  heartbeatTicks: 1,
  asyncStorageWrites: false,
  preVote: false,
  checkQuorum: false,
  readOnly: "safe",
  appendBytesMax: SAFE_INTEGER_MAX,
  inflightLimits: { countMax: 2 ** 31 - 1, bytesMax: SAFE_INTEGER_MAX },
  stepDownOnRemoval: false,
  disableConfChangeValidation: false,
  entryBytesMax: SAFE_INTEGER_MAX,
  uncommittedBytesMax: SAFE_INTEGER_MAX,
  committedBytesPerReadyMax: SAFE_INTEGER_MAX,
  termFloor: term(0),
};

/** One member with its storage. What its two threads have to do waits until a command does it. */
export class ScenarioNode {
  readonly id: NodeId;
  readonly core: RawNode;
  readonly storage: ScenarioStorage;
  readonly options: NodeOptions;
  readonly #output: ScenarioOutput;
  /** Where messages of this node go. */
  readonly #network: Message[];
  readonly #appendWork: StorageAppend[] = [];
  readonly #applyWork: StorageApply[] = [];

  constructor(
    id: NodeId,
    options: NodeOptions,
    initial: Snapshot,
    surroundings: { readonly output: ScenarioOutput; readonly network: Message[] },
  ) {
    this.id = id;
    this.options = options;
    this.storage = new ScenarioStorage(initial);
    this.#output = surroundings.output;
    this.#network = surroundings.network;
    const { index } = initial.id;
    this.core = new RawNode(
      { ...options, id },
      {
        hardState: { term: term(0), vote: NO_NODE, commit: index },
        confState: initial.confState,
        applied: index,
      },
      this.storage,
      // The longest timeout always: within an election timeout nobody campaigns by chance.
      (boundExclusive) => boundExclusive - 1,
      loggingTrace(this.#output),
    );
  }

  get hasAppendWork(): boolean {
    return this.#appendWork.length > 0;
  }

  get hasApplyWork(): boolean {
    return this.#applyWork.length > 0;
  }

  processReady(): void {
    const ready = this.core.ready();
    this.#output.write(readyText(ready));
    if (!this.options.asyncStorageWrites) {
      this.#append(ready.entries, ready.snapshot);
      this.#apply(ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.kind === MESSAGE_KIND.STORAGE_APPEND) this.#appendWork.push(message);
      else if (message.kind === MESSAGE_KIND.STORAGE_APPLY) this.#applyWork.push(message);
      else this.#network.push(message);
    }
    if (!this.options.asyncStorageWrites) this.core.advance();
  }

  /** One message to the append thread. */
  processAppendThread(): void {
    const work = this.#appendWork.shift();
    if (work === undefined) {
      this.#output.write("no append work to perform");
      return;
    }
    this.#output.write(`Processing:\n${messageText({ ...work, responses: [] })}\n`);
    this.#append(work.entries, work.snapshot);
    this.#respond(work.responses);
  }

  /** One message to the apply thread. */
  processApplyThread(): void {
    const work = this.#applyWork.shift();
    if (work === undefined) {
      this.#output.write("no apply work to perform");
      return;
    }
    this.#output.write(`Processing:\n${messageText({ ...work, responses: [] })}\n`);
    this.#apply(work.entries);
    this.#respond(work.responses);
  }

  printLog(): void {
    const { truncated, lastIndex } = this.storage;
    const entries = this.storage.allEntries();
    this.#output.write(
      entries.length > 0
        ? entryLines(entries)
        : `log is empty: first index=${truncated.index + 1}, last index=${lastIndex}`,
    );
  }

  #respond(responses: readonly Message[]): void {
    this.#output.write(`Responses:\n${responses.map((response) => `${messageText(response)}\n`).join("")}`);
    this.#network.push(...responses);
  }

  #append(entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    if (snapshot === undefined) {
      this.storage.append(entries);
      return;
    }
    if (entries.length > 0) throw new CommandError("can't apply snapshot and entries at the same time");
    this.storage.install(snapshot);
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.type === ENTRY_TYPE.NORMAL) {
        this.storage.applied(entry, entry.payload);
        continue;
      }
      const change = decodeConfChange(entry.payload);
      if (change === undefined) throw new Error(`entry ${entry.index} is not a change of membership`);
      this.storage.applied(entry, change.context, this.core.applyConfChange(change));
    }
  }
}
