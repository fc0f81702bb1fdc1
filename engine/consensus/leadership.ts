import type { Term } from "../core/ids.js";
import { term } from "../core/ids.js";
import type { NodeId } from "../raft/types.js";
import { NO_NODE } from "../raft/types.js";
import type { Leadership } from "./consensus.js";

type Listener = (leadership: Leadership) => void;

/** The host's own copy of who leads, for everybody else to read. */
export class LeadershipState implements Leadership {
  #term: Term = term(0);
  #leaderId: NodeId = NO_NODE;
  #isLeader = false;
  #leaderReady = false;
  #listeners: readonly Listener[] = [];

  get term(): Term {
    return this.#term;
  }

  get leaderId(): NodeId {
    return this.#leaderId;
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  get leaderReady(): boolean {
    return this.#leaderReady;
  }

  subscribe(listener: Listener): () => void {
    this.#listeners = this.#listeners.concat(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** Notes what the core says; a new term or the loss of office ends readiness. */
  update(change: { readonly term: Term; readonly leaderId: NodeId; readonly isLeader: boolean }): void {
    const isSame =
      change.term === this.#term && change.leaderId === this.#leaderId && change.isLeader === this.#isLeader;
    if (isSame) return;
    if (!change.isLeader || change.term !== this.#term) this.#leaderReady = false;
    this.#term = change.term;
    this.#leaderId = change.leaderId;
    this.#isLeader = change.isLeader;
    this.#notify();
  }

  /** Everything of earlier terms is applied: this node may serve. */
  becomeReady(): void {
    if (this.#leaderReady || !this.#isLeader) return;
    this.#leaderReady = true;
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener(this);
  }
}
