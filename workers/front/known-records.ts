import { assert } from "../../engine/core/assert.js";
import type { BodyReader } from "../../protocol/codec/body-reader.js";
import { decodeBody } from "../../protocol/codec/codec.js";
import type { RecordSchema } from "../../protocol/schema/fields.js";
import type { ValueOfRecord } from "../../protocol/schema/types.js";

/** Of what stands in front of the uuid: the token of the record's array, and two of its first field. */
const UUID_AT = 3;
const UUID_BYTES = 16;

interface Known<T> {
  /** The record as it stood in an answer. */
  readonly encoded: Buffer;
  readonly value: T;
}

/** What is made of records that come again and again in answers of main, each made once for as long as its
 * bytes stay the same: they are compared, so nobody has to tell what has changed (spec 12 §8.2 H9). The
 * records begin with their uuid. When there are more than the limit, those that were made first are
 * forgotten. */
export class KnownRecords<R extends RecordSchema, T> {
  readonly #schema: R;
  readonly #make: (record: ValueOfRecord<R>) => T;
  readonly #countMax: number;
  readonly #known = new Map<number, Known<T>>();

  constructor(schema: R, make: (record: ValueOfRecord<R>) => T, countMax: number) {
    this.#schema = schema;
    this.#make = make;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#known.size;
  }

  /** What is made of the record at the cursor of `reader`, which reads `body` to its end, and passes it.
   * @throws StrataError BODY_MALFORMED, FIELD_INVALID */
  read(reader: BodyReader, body: Uint8Array): T {
    const start = reader.position;
    const key = keyAt(body, start);
    const known = this.#known.get(key);
    if (known !== undefined) {
      const { encoded, value } = known;
      const end = start + encoded.length;
      // A record says itself where it ends: what begins with these bytes is these bytes.
      if (end <= body.length && encoded.compare(body, start, end) === 0) {
        reader.moveTo(end);
        return value;
      }
    }
    reader.skip();
    const end = reader.position;
    const encoded = Buffer.from(body.subarray(start, end));
    const value = this.#make(decodeBody(this.#schema, encoded, 0, encoded.length));
    // Readers share their scratch memory, which has the record in it now.
    reader.begin(body, end, body.length);
    this.#keep(key, { encoded, value });
    return value;
  }

  #keep(key: number, known: Known<T>): void {
    this.#known.delete(key);
    if (this.#known.size >= this.#countMax) {
      const [oldest] = this.#known.keys();
      assert(oldest !== undefined, "a full map has a first key");
      this.#known.delete(oldest);
    }
    this.#known.set(key, known);
  }
}

/** Of the uuid's bits; 0 where there is no room for one. Two records of one key displace each other. */
function keyAt(body: Uint8Array, start: number): number {
  const at = start + UUID_AT;
  if (at + UUID_BYTES > body.length) return 0;
  const high = (word(body, at) ^ word(body, at + 8)) >>> 0;
  const low = word(body, at + 4) ^ word(body, at + 12);
  return high * 2 ** 20 + (low & 0xf_ffff);
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
