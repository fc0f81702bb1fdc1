/** Just enough of protobuf to write requests by field number and to show answers, from the description of the
 * encoding alone: it must not share a mistake with the gateway. */

type Value = number | bigint | string | Uint8Array | readonly Field[];
type Field = readonly [number: number, value: Value];

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** A message of these fields in this order; lists are messages in it. */
export function message(...fields: readonly Field[]): Uint8Array {
  const parts = fields.map(([number, value]) => {
    if (typeof value === "number" || typeof value === "bigint") {
      return Buffer.concat([varint(BigInt(number) << 3n), varint(BigInt(value))]);
    }
    const bytes =
      typeof value === "string"
        ? Buffer.from(value)
        : value instanceof Uint8Array
          ? value
          : message(...value);
    return Buffer.concat([
      varint((BigInt(number) << 3n) | BigInt(BYTES)),
      varint(BigInt(bytes.length)),
      bytes,
    ]);
  });
  return Buffer.concat(parts);
}

/** With its length before it. */
export function delimited(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(BigInt(bytes.length)), bytes]);
}

export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

/** `N: value` lines, inner messages further to the right. Bytes that read as text are shown as text, others
 * that read as a message as one: a guess, but the same one for the same bytes. */
export function wireText(bytes: Uint8Array, indent = ""): string {
  const lines: string[] = [];
  const reader = new Reader(bytes);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const number = Number(tag >> 3n);
    const value = reader.value(Number(tag & 7n));
    if (!(value instanceof Uint8Array)) lines.push(`${indent}${number}: ${value}\n`);
    else if (isText(value)) lines.push(`${indent}${number}: "${Buffer.from(value).toString()}"\n`);
    else if (isMessage(value)) lines.push(`${indent}${number}:\n${wireText(value, `${indent}  `)}`);
    else lines.push(`${indent}${number}: 0x${Buffer.from(value).toString("hex")}\n`);
  }
  return lines.join("");
}

/** The delimited messages in `bytes`, one after the other. */
export function delimitedMessages(bytes: Uint8Array): Uint8Array[] {
  const reader = new Reader(bytes);
  const messages: Uint8Array[] = [];
  while (!reader.isAtEnd) messages.push(reader.bytes());
  return messages;
}

/** Messages begin with the tag of a small field, which is a control character. */
function isText(bytes: Uint8Array): boolean {
  if (bytes[0] !== undefined && bytes[0] < 0x20) return false;
  return bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x09);
}

function isMessage(bytes: Uint8Array): boolean {
  try {
    const reader = new Reader(bytes);
    while (!reader.isAtEnd) {
      const tag = reader.varint();
      if (tag >> 3n === 0n || tag >> 3n > 1000n) return false;
      reader.value(Number(tag & 7n));
    }
    return true;
  } catch {
    return false;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error("ends within a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new Error("a number of more than ten bytes");
  }

  bytes(length = Number(this.varint())): Uint8Array {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new Error("ends within bytes");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  value(type: number): bigint | Uint8Array {
    if (type === VARINT) return this.varint();
    if (type === BYTES) return this.bytes();
    if (type === FIXED64) return Buffer.from(this.bytes(8)).readBigUInt64LE();
    if (type === FIXED32) return BigInt(Buffer.from(this.bytes(4)).readUInt32LE());
    throw new Error(`no field has type ${type}`);
  }
}
