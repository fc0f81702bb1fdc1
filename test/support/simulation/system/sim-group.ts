import { assert } from "../../../../engine/core/assert.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import { RAFT_PATH } from "../../../../protocol/schema/peer-messages.js";
import type { SimWorld } from "../sim-world.js";
import { type Journal, NodeJournal } from "./journal.js";
import type { SimOptions } from "./options.js";
import { RaftWatch } from "./raft-watch.js";
import { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

export interface SimGroupParts {
  readonly world: SimWorld;
  readonly options: SimOptions;
  readonly trace: SimTrace;
  readonly journal: Journal;
  readonly random: SeededRandom;
  readonly onFailure: (error: unknown) => void;
}

/** All SCMs of a cluster, those that were there once too. */
export class SimGroup {
  readonly journal: Journal;
  readonly watch: RaftWatch;
  readonly #parts: SimGroupParts;
  readonly #scms: SimScm[] = [];
  /** Called with each machine that comes. */
  onAdded: (scm: SimScm) => void = () => {};

  constructor(parts: SimGroupParts) {
    this.#parts = parts;
    this.journal = parts.journal;
    this.watch = new RaftWatch(parts.journal, this.#scms, parts.trace);
    parts.world.network.onSend = ({ path, clientHost, serverHost }, direction, message) => {
      if (path !== RAFT_PATH) return;
      const host = direction === "toServer" ? clientHost : serverHost;
      const sender = this.#scms.find((scm) => scm.host === host);
      if (sender !== undefined) this.watch.sentToPeer(sender, message);
    };
  }

  /** Every machine that there ever was. */
  get all(): readonly SimScm[] {
    return this.#scms;
  }

  /** Those that belong to the group, or are on their way into it, or out of it. */
  get present(): readonly SimScm[] {
    return this.#scms.filter(({ isRetired }) => !isRetired);
  }

  get first(): SimScm {
    const scm = this.#scms[0];
    assert(scm !== undefined, "a group begins with an SCM");
    return scm;
  }

  /** Who leads and serves, of the highest term if several think so. */
  get leader(): SimScm | undefined {
    let leader: SimScm | undefined;
    for (const scm of this.#scms) {
      if (scm.leads && (leader === undefined || scm.term > leader.term)) leader = scm;
    }
    return leader;
  }

  get endpoints(): string[] {
    return this.present.map(({ endpoint }) => endpoint);
  }

  /** A machine with an empty disk. */
  add(): SimScm {
    const { world, options, trace, random, onFailure } = this.#parts;
    const number = this.#scms.length + 1;
    const scm = new SimScm({
      world,
      number,
      options,
      trace,
      journal: new NodeJournal(this.journal),
      random: number === 1 ? random : random.stream(`scm ${number}`),
      onFailure,
    });
    this.#scms.push(scm);
    scm.journal.onConfChange = (index) => this.watch.confChangeWritten(scm, index);
    this.onAdded(scm);
    return scm;
  }
}
