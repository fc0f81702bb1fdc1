import type { LeaderView } from "../cluster/nodes/node-types.js";
import type { Leadership } from "../consensus/consensus.js";
import type { Term } from "../core/ids.js";
import type { NodeId } from "../raft/types.js";

/** This SCM's standing, which every part reads from this one object (spec 07 §5.1): who leads, as the
 * consensus host knows it, and whether safe mode holds decisions back. */
export class ScmContext implements Leadership {
  readonly #leadership: Leadership;
  #safeMode = false;
  #listeners: readonly ((context: ScmContext) => void)[] = [];

  constructor(leadership: Leadership) {
    this.#leadership = leadership;
    leadership.subscribe(() => this.#notify());
  }

  get term(): Term {
    return this.#leadership.term;
  }

  get leaderId(): NodeId {
    return this.#leadership.leaderId;
  }

  get isLeader(): boolean {
    return this.#leadership.isLeader;
  }

  get leaderReady(): boolean {
    return this.#leadership.leaderReady;
  }

  /** Too little of the fleet has reported to decide anything. */
  get safeMode(): boolean {
    return this.#safeMode;
  }

  /** For commands to datanodes: only a leader that is ready sends any, and they carry its term (spec 01
   * §6). */
  get leader(): LeaderView {
    return { isLeader: this.#leadership.leaderReady, term: this.#leadership.term };
  }

  /** For the safe mode manager alone. */
  setSafeMode(safeMode: boolean): void {
    if (safeMode === this.#safeMode) return;
    this.#safeMode = safeMode;
    this.#notify();
  }

  /** Called after each change of anything, never within `subscribe`. Returns the way to unsubscribe. */
  subscribe(listener: (context: ScmContext) => void): () => void {
    this.#listeners = this.#listeners.concat(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  #notify(): void {
    for (const listener of this.#listeners) listener(this);
  }
}
