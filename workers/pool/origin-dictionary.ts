import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { Uuid } from "../../engine/core/uuid.js";

/** Numbers must fit a u16 of the replica rows. */
export const ORIGIN_COUNT_MAX = 65_535;

/** Numbers for the datanodes where replicas were first written, process-wide and never reused: replica
 * rows keep two bytes in place of a uuid. */
export class OriginDictionary {
  readonly #numbers = new Map<Uuid, number>();
  readonly #uuids: Uuid[] = [];

  /** The numbers of a report's dictionary, by its indexes. DICTIONARY_FULL when the new ones do not fit:
   * nothing has changed then. */
  numbersOf(origins: readonly Uuid[]): Uint16Array | StrataError {
    const fresh = new Set<Uuid>();
    for (const uuid of origins) if (!this.#numbers.has(uuid)) fresh.add(uuid);
    if (this.#uuids.length + fresh.size > ORIGIN_COUNT_MAX) {
      return new StrataError("DICTIONARY_FULL", { name: "origins of replicas" });
    }
    for (const uuid of fresh) {
      this.#numbers.set(uuid, this.#uuids.length);
      this.#uuids.push(uuid);
    }
    const numbers = new Uint16Array(origins.length);
    for (const [index, uuid] of origins.entries()) numbers[index] = this.#numbers.get(uuid) as number;
    return numbers;
  }

  uuidOf(number: number): Uuid {
    const uuid = this.#uuids[number];
    assert(uuid !== undefined, `origin ${number} was never given out`);
    return uuid;
  }
}
