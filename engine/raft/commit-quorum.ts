import { assert } from "../core/assert.js";
import type { Membership } from "./conf-change.js";
import type { Progress } from "./progress.js";
import { progressOf } from "./progress.js";
import { jointCommittedIndex } from "./quorum.js";
import type { NodeId } from "./types.js";

/** Counts up to where the members have acknowledged the log. A leader asks at every acknowledgement, so that
 * what does not change with them is kept from one to the next. */
export class CommitQuorum {
  #membership: Membership | undefined;
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  readonly #incomingMatches: number[] = [];
  readonly #outgoingMatches: number[] = [];

  /** Highest index that a majority of the voters has, of both halves in a joint configuration; Infinity
   * without voters. */
  index(membership: Membership): number {
    if (membership !== this.#membership) this.#look(membership);
    gather(this.#incomingMatches, this.#incoming);
    gather(this.#outgoingMatches, this.#outgoing);
    return jointCommittedIndex(this.#incomingMatches, this.#outgoingMatches);
  }

  #look(membership: Membership): void {
    const { confState, progress } = membership;
    const ofHalf = (ids: readonly NodeId[]): Progress[] =>
      ids.map((id) => {
        const member = progressOf(progress, id);
        assert(member !== undefined, `no progress for voter ${id}`);
        return member;
      });
    this.#membership = membership;
    this.#incoming = ofHalf(confState.voters);
    this.#outgoing = ofHalf(confState.votersOutgoing);
    this.#incomingMatches.length = this.#incoming.length;
    this.#outgoingMatches.length = this.#outgoing.length;
  }
}

function gather(matches: number[], members: readonly Progress[]): void {
  for (let i = 0; i < members.length; i++) matches[i] = (members[i] as Progress).match;
}
