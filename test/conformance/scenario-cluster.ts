import { logIndex, term } from "../../engine/core/ids.js";
import type { Message, MessageKind } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import type { ConfState, NodeId, Snapshot } from "../../engine/raft/types.js";
import { isLocalThread, nodeId } from "../../engine/raft/types.js";
import { messageText, senderOf } from "./message-text.js";
import { ROLE_NAMES } from "./ready-text.js";
import { CommandError, ScenarioError } from "./scenario-errors.js";
import type { NodeOptions } from "./scenario-node.js";
import { ScenarioNode } from "./scenario-node.js";
import { ScenarioOutput } from "./scenario-output.js";

/** No scenario needs more than some dozens. */
const STABILIZE_ROUNDS_MAX = 1000;

export interface Recipient {
  readonly id: NodeId;
  readonly isDropping: boolean;
}

/** What nodes begin with. */
export interface Bootstrap {
  readonly index: number;
  readonly confState: ConfState;
  readonly payload: Uint8Array;
}

/** The nodes of one scenario and the messages between them, in one list. */
export class ScenarioCluster {
  readonly output = new ScenarioOutput();
  readonly #nodes: ScenarioNode[] = [];
  readonly #network: Message[] = [];

  get nodes(): readonly ScenarioNode[] {
    return this.#nodes;
  }

  node(id: number): ScenarioNode {
    const node = this.#nodes[id - 1];
    if (node === undefined) throw new ScenarioError(`there is no node ${id}`);
    return node;
  }

  /** Ids follow those that exist. */
  addNodes(count: number, options: NodeOptions, bootstrap: Bootstrap): void {
    const { index, confState, payload } = bootstrap;
    const isEmpty = index === 0 && payload.length === 0 && Object.values(confState).every(isEmptyValue);
    if (!isEmpty && index <= 1) {
      throw new CommandError("index must be specified as > 1 due to bootstrap");
    }
    const id = { term: term(isEmpty ? 0 : 1), index: logIndex(index) };
    const initial: Snapshot = { id, confState, payload };
    for (let added = 0; added < count; added++) {
      const surroundings = { output: this.output, network: this.#network };
      this.#nodes.push(new ScenarioNode(nodeId(this.#nodes.length + 1), options, initial, surroundings));
    }
  }

  /** Queues a snapshot of `from` for `to`. */
  sendSnapshot(from: ScenarioNode, to: ScenarioNode): void {
    const message: Message = {
      kind: MESSAGE_KIND.SNAP,
      from: from.id,
      to: to.id,
      term: from.core.status().hardState.term,
      snapshot: from.storage.snapshot(),
    };
    this.#network.push(message);
    this.output.write(messageText(message));
  }

  /** Answers how many messages were delivered or dropped. `kind` undefined = all kinds. */
  deliver(recipients: readonly Recipient[], kind?: MessageKind): number {
    let count = 0;
    for (const recipient of recipients) {
      const messages = this.#network.filter((message) => isFor(message, recipient, kind));
      const others = this.#network.filter((message) => !isFor(message, recipient, kind));
      this.#network.splice(0, Infinity, ...others);
      count += messages.length;
      for (const message of messages) {
        this.output.write(`${recipient.isDropping ? "dropped: " : ""}${messageText(message)}\n`);
        if (!recipient.isDropping) this.#step(message);
      }
    }
    return count;
  }

  /** Does all work of `nodes` and delivers messages to them until nothing is left. */
  stabilize(nodes: readonly ScenarioNode[]): void {
    for (let round = 0; round < STABILIZE_ROUNDS_MAX; round++) {
      if (!this.#stabilizeOnce(nodes)) return;
    }
    throw new ScenarioError(`not stable after ${STABILIZE_ROUNDS_MAX} rounds`);
  }

  printRoles(): void {
    for (const { id, core } of this.#nodes) {
      const { confState, hardState, softState } = core.status();
      const isVoter = confState.voters.includes(id) || confState.votersOutgoing.includes(id);
      this.output.write(
        `${id}: ${ROLE_NAMES[softState.role]} ${isVoter ? "(Voter)" : "(Non-Voter)"} ` +
          `Term:${hardState.term} Lead:${softState.leader}\n`,
      );
    }
  }

  /** False when there was nothing to do. */
  #stabilizeOnce(nodes: readonly ScenarioNode[]): boolean {
    let isActive = false;
    const stage = (node: ScenarioNode, title: string, run: () => void): void => {
      isActive = true;
      this.output.write(`> ${node.id} ${title}\n`);
      run();
    };
    for (const node of nodes) {
      if (!node.core.hasReady()) continue;
      stage(node, "handling Ready", () => this.output.indented(() => node.processReady()));
    }
    for (const node of nodes) {
      if (!this.#network.some((message) => message.to === node.id)) continue;
      const recipients = [{ id: node.id, isDropping: false }];
      stage(node, "receiving messages", () => this.output.indented(() => this.deliver(recipients)));
    }
    for (const node of nodes) {
      if (!node.hasAppendWork) continue;
      stage(node, "processing append thread", () => {
        while (node.hasAppendWork) this.output.indented(() => node.processAppendThread());
      });
    }
    for (const node of nodes) {
      if (!node.hasApplyWork) continue;
      stage(node, "processing apply thread", () => {
        while (node.hasApplyWork) this.output.indented(() => node.processApplyThread());
      });
    }
    return isActive;
  }

  #step(message: Message): void {
    switch (this.node(message.to).core.stepBelieving(message)) {
      case "done":
        return;
      case "localMessage":
        this.output.write("raft: cannot step raft local message\n");
        return;
      case "unknownPeer":
        this.output.write("raft: cannot step as peer not found\n");
        return;
      case "dropped":
        this.output.write("raft proposal dropped\n");
        return;
      case "violation":
        throw new ScenarioError(`refused: ${messageText(message)}`);
    }
  }
}

function isEmptyValue(value: readonly NodeId[] | boolean): boolean {
  return typeof value === "boolean" ? !value : value.length === 0;
}

/** Messages of a node to itself, and of its threads, are never dropped. */
function isFor(message: Message, { id, isDropping }: Recipient, kind: MessageKind | undefined): boolean {
  if (message.to !== id || (kind !== undefined && message.kind !== kind)) return false;
  const sender = senderOf(message);
  return !isDropping || !(sender === message.to || isLocalThread(sender));
}
