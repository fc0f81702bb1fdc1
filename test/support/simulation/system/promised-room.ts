import { assert } from "../../../../engine/core/assert.js";

/** A datanode of a pipeline, as the leader knows it when it promises a container to it. */
export interface Member {
  readonly uuid: string;
  /** Containers that fit by the last report that the leader has taken. */
  readonly slots: number;
}

/** A container that one datanode was promised. */
interface Promised {
  readonly uuid: string;
  /** Undefined until it is created. */
  containerId: number | undefined;
  readonly endMs: number;
}

/** Containers that one operation creates: for each of them, who was promised it. */
export type Proposed = readonly (readonly Promised[])[];

/** What a leader has promised to datanodes in its term, as spec 01 §11 says it, with one list to search. A
 * promise is over as soon as a report that shows the container has left the datanode: when the leader takes
 * it, nobody outside can know. */
export class PromisedRoom {
  readonly #lifetimeMs: number;
  #promises: Promised[] = [];

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
  }

  /** The leader is about to create `count` containers on all of `members`, which have room for them. */
  propose(members: readonly Member[], count: number, nowMs: number): Proposed {
    this.#promises = this.#promises.filter(({ endMs }) => endMs > nowMs);
    for (const { uuid, slots } of members) {
      const promised = this.#promises.filter((one) => one.uuid === uuid).length;
      assert(
        promised + count <= slots,
        `${uuid} has room for ${slots} containers, was promised ${promised}, and is given ${count} more`,
      );
    }
    const endMs = nowMs + this.#lifetimeMs;
    const proposed = Array.from({ length: count }, () =>
      members.map(({ uuid }): Promised => ({ uuid, containerId: undefined, endMs })),
    );
    this.#promises.push(...proposed.flat());
    return proposed;
  }

  /** They are the containers from `firstId` on. A session may answer with a container that was promised
   * before, for which one place is enough. */
  created(proposed: Proposed, firstId: number): void {
    for (const [i, promises] of proposed.entries()) {
      const containerId = firstId + i;
      for (const promise of promises) {
        this.reported(promise.uuid, (id) => id === containerId);
        promise.containerId = containerId;
      }
    }
  }

  refused(proposed: Proposed): void {
    const refused = new Set(proposed.flat());
    this.#promises = this.#promises.filter((promise) => !refused.has(promise));
  }

  /** The datanode has sent a report of these containers. */
  reported(uuid: string, has: (containerId: number) => boolean): void {
    this.#promises = this.#promises.filter((promise) => {
      return promise.uuid !== uuid || promise.containerId === undefined || !has(promise.containerId);
    });
  }
}
