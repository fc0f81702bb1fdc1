import type { DatanodeDetails } from "../../../protocol/schema/records.js";
import type { NodeEntry } from "./node-entry.js";

interface Encoded {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** Details of datanodes as the bytes of the wire, made again only when they have changed (spec 12 §8.2 H9).
 */
export class EncodedDetails {
  readonly #encode: (details: DatanodeDetails) => Uint8Array;
  readonly #bySlot: Encoded[] = [];

  constructor(encode: (details: DatanodeDetails) => Uint8Array) {
    this.#encode = encode;
  }

  /** Never changed. */
  get({ slot, details, detailsVersion }: NodeEntry): Uint8Array {
    const known = this.#bySlot[slot];
    if (known !== undefined && known.version === detailsVersion) return known.bytes;
    const bytes = this.#encode(details);
    this.#bySlot[slot] = { version: detailsVersion, bytes };
    return bytes;
  }
}
