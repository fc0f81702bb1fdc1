import { assert } from "../../engine/core/assert.js";
import type { Uuid } from "../../engine/core/uuid.js";

/** Numbers must fit a u16 of the replica rows. */
export const ORIGIN_COUNT_MAX = 65_535;

/** Numbers for the datanodes where replicas were first written, process-wide and never reused: replica rows keep two
 * bytes in place of a uuid. */
export class OriginDictionary {
  readonly #numbers = new Map<Uuid, number>();
  readonly #uuids: Uuid[] = [];

  /** The uuid's number, a new one when it has none; undefined when the dictionary is full. */
  numberOf(uuid: Uuid): number | undefined {
    const known = this.#numbers.get(uuid);
    if (known !== undefined) return known;
    if (this.#uuids.length >= ORIGIN_COUNT_MAX) return undefined;
    const number = this.#uuids.length;
    this.#uuids.push(uuid);
    this.#numbers.set(uuid, number);
    return number;
  }

  uuidOf(number: number): Uuid {
    const uuid = this.#uuids[number];
    assert(uuid !== undefined, `origin ${number} was never given out`);
    return uuid;
  }
}
