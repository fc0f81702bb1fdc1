import type { Cluster } from "./cluster.js";

/** How far the members have come: the highest index that each has held, committed, applied, and acknowledged
 * to a leader. A slow group is told from one that stands still by it. */
export class Progress {
  readonly #cluster: Cluster;
  readonly #highest = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Whether anybody has come further since the last look. */
  look(): boolean {
    let isFurther = false;
    const note = (what: string, index: number): void => {
      if (index <= (this.#highest.get(what) ?? -1)) return;
      this.#highest.set(what, index);
      isFurther = true;
    };
    for (const { id, isUp, log, hardState, machine } of this.#cluster.replicas) {
      if (!isUp) continue;
      note(`held ${id}`, log.lastIndex);
      note(`committed ${id}`, hardState.commit);
      note(`applied ${id}`, machine.applied);
    }
    for (const { id, match } of this.#cluster.leader()?.core.status().progress ?? [])
      note(`match ${id}`, match);
    return isFurther;
  }

  /** Entries that somebody has yet to get or to apply. */
  backlog(): number {
    const running = this.#cluster.replicas.filter(({ isUp }) => isUp);
    const last = Math.max(0, ...running.map(({ log }) => log.lastIndex));
    return running.reduce((sum, { log, machine }) => sum + 2 * last - log.lastIndex - machine.applied, 0);
  }
}
