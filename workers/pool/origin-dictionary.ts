import type { Uuid } from "../../engine/core/uuid.js";

/** Numbers must fit a u16 of the replica rows, beside UNKNOWN. */
const ORIGIN_COUNT_MAX = 65_535;
/** Origins that one datanode may bring in: more than a large fleet has, and an eighth of the dictionary. */
const ORIGINS_PER_NODE_MAX = 8_192;
/** An origin that found no place. */
const UNKNOWN = 65_535;
const UNKNOWN_UUID = "00000000-0000-0000-0000-000000000000" as Uuid;

/** A datanode, by the origins that nobody had named before it. */
export interface OriginIntroducer {
  introducedOriginCount: number;
}

/** Numbers for the datanodes where replicas were first written, process-wide and never reused: replica
 * rows keep two bytes in place of a uuid.
 *
 * Whoever reports may invent origins. What exceeds a datanode's share, or the dictionary, counts as written
 * at an unknown place: its replica is as good as any other, and who asks for distinct origins sees fewer,
 * never more. So one hostile datanode cannot keep others from reporting. */
export class OriginDictionary {
  readonly #numbers = new Map<Uuid, number>();
  readonly #uuids: Uuid[] = [];
  #unknownCount = 0;

  /** Origins that were named and found no place, each time that they were. */
  get unknownCount(): number {
    return this.#unknownCount;
  }

  /** The numbers of a report's dictionary, by its indexes. */
  numbersOf(origins: readonly Uuid[], introducer: OriginIntroducer): Uint16Array {
    const numbers = new Uint16Array(origins.length);
    for (let index = 0; index < origins.length; index++) {
      const uuid = origins[index] as Uuid;
      numbers[index] = this.#numbers.get(uuid) ?? this.#introduce(uuid, introducer);
    }
    return numbers;
  }

  uuidOf(number: number): Uuid {
    return this.#uuids[number] ?? UNKNOWN_UUID;
  }

  #introduce(uuid: Uuid, introducer: OriginIntroducer): number {
    const number = this.#uuids.length;
    if (number >= ORIGIN_COUNT_MAX || introducer.introducedOriginCount >= ORIGINS_PER_NODE_MAX) {
      this.#unknownCount++;
      return UNKNOWN;
    }
    introducer.introducedOriginCount++;
    this.#numbers.set(uuid, number);
    this.#uuids.push(uuid);
    return number;
  }
}
