import { assert } from "../../core/assert.js";
import type { ByteReader } from "../../core/byte-reader.js";
import type { ByteWriter } from "../../core/byte-writer.js";
import { RowSet } from "../row-set.js";
import type { TableNumber } from "../tables.js";
import { TABLE } from "../tables.js";
import type { ReplicationConfig } from "./replication-config.js";
import { printReplication, readReplication, writeReplication } from "./replication-config.js";

const NUMBER_MAX = 65_535;

interface Kind<V> {
  readonly table: TableNumber;
  /** One text for equal values, another one for others. */
  text(value: V): string;
  write(writer: ByteWriter, value: V): void;
  read(reader: ByteReader): V;
}

/** Numbers for values that many rows share: 1, 2, 3 … in the order of their first use, never reused. Part of
 * the replicated state, since rows hold the numbers. */
export class Dictionary<V> {
  readonly #kind: Kind<V>;
  readonly #numbers = new Map<string, number>();
  #lastValue: V | undefined = undefined;
  #lastNumber = 0;
  readonly rows: RowSet<number, V>;

  constructor(kind: Kind<V>) {
    this.#kind = kind;
    this.rows = new RowSet<number, V>({
      table: kind.table,
      typicalRowBytes: 64,
      writeKey: (writer, number) => {
        writer.u8(number >>> 8);
        writer.u8(number & 0xff);
      },
      readKey: (reader) => reader.u8() * 256 + reader.u8(),
      writeRow: (writer, value) => kind.write(writer, value),
      readRow: (reader) => kind.read(reader),
    });
  }

  get size(): number {
    return this.#numbers.size;
  }

  /** How many new values there is still room for. */
  get room(): number {
    return NUMBER_MAX - this.#numbers.size;
  }

  numberOf(value: V): number | undefined {
    // Consecutive rows mostly share the very same value.
    if (value === this.#lastValue && this.#lastNumber !== 0) return this.#lastNumber;
    const number = this.#numbers.get(this.#kind.text(value));
    if (number === undefined) return undefined;
    this.#lastValue = value;
    this.#lastNumber = number;
    return number;
  }

  valueOf(number: number): V {
    const value = this.rows.get(number);
    assert(value !== undefined, `no dictionary entry ${number}`);
    return value;
  }

  /** The number of `value`, a new one when it has none. The caller has checked `room`. */
  add(value: V): number {
    const known = this.numberOf(value);
    if (known !== undefined) return known;
    assert(this.room > 0, "dictionary is full");
    const number = this.#numbers.size + 1;
    this.#numbers.set(this.#kind.text(value), number);
    this.rows.set(number, value);
    return number;
  }

  /** Before it is loaded anew. */
  clear(): void {
    this.#numbers.clear();
    this.#lastValue = undefined;
    this.#lastNumber = 0;
    this.rows.clear();
  }

  /** After the last `load`. Throws RangeError when numbers are missing or values occur twice. */
  loaded(): void {
    for (let number = 1; number <= this.rows.size; number++) {
      const value = this.rows.get(number);
      if (value === undefined) throw new RangeError(`dictionary entry ${number} is missing`);
      const text = this.#kind.text(value);
      if (this.#numbers.has(text)) throw new RangeError(`dictionary entry ${text} occurs twice`);
      this.#numbers.set(text, number);
    }
  }
}

export function ownerDictionary(): Dictionary<string> {
  return new Dictionary<string>({
    table: TABLE.owners,
    text: (owner) => owner,
    write: (writer, owner) => writer.text(owner),
    read: (reader) => reader.text(),
  });
}

export function replicationDictionary(): Dictionary<ReplicationConfig> {
  return new Dictionary<ReplicationConfig>({
    table: TABLE.replicationConfigs,
    text: printReplication,
    write: writeReplication,
    read: readReplication,
  });
}
