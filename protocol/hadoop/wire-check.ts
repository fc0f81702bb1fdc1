import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { StrataError } from "../../engine/core/errors.js";
import { ProtoReader } from "./proto-reader.js";

const VARINT = 0;
const FIXED_64 = 1;
const DELIMITED = 2;
const TAG_BYTES_MAX = 5;

/** A field, as far as its bytes go. */
interface Shape {
  readonly wireType: number;
  /** Repeated numbers, which may come as one field too (spec 12 §1). */
  readonly isPackable: boolean;
  readonly message: DescMessage | undefined;
}
type Shapes = ReadonlyMap<number, Shape>;

const SHAPES = new WeakMap<DescMessage, Shapes>();

/** Throws PROTOBUF_MALFORMED where the library, which trusts the lengths of inner messages and the wire types
 * of known fields, would take the bytes for something else. Java refuses such lengths. */
export function checkWire(schema: DescMessage, bytes: Uint8Array): void {
  const reader = new ProtoReader(schema.name);
  reader.begin(bytes, 0, bytes.length);
  check(reader, schema);
}

function check(reader: ProtoReader, schema: DescMessage): void {
  const shapes = shapesOf(schema);
  while (reader.hasMore()) {
    const start = reader.position;
    const tag = reader.tag();
    const shape = shapes.get(tag >>> 3);
    const wireType = tag & 7;
    const fits =
      shape === undefined || shape.wireType === wireType || (shape.isPackable && wireType === DELIMITED);
    if (!fits || reader.position - start > TAG_BYTES_MAX) {
      const reason = `field ${tag >>> 3} of ${schema.name} has wire type ${wireType}`;
      throw new StrataError("PROTOBUF_MALFORMED", { message: schema.name, reason });
    }
    if (shape?.message === undefined) {
      reader.skip(tag);
      continue;
    }
    const outerEnd = reader.enter();
    check(reader, shape.message);
    reader.leave(outerEnd);
  }
}

function shapesOf(schema: DescMessage): Shapes {
  let shapes = SHAPES.get(schema);
  if (shapes === undefined) {
    shapes = new Map(schema.fields.map((field) => [field.number, shapeOf(field)]));
    SHAPES.set(schema, shapes);
  }
  return shapes;
}

function shapeOf(field: DescField): Shape {
  const { message, scalar, fieldKind } = field;
  const isDelimited = message !== undefined || scalar === ScalarType.STRING || scalar === ScalarType.BYTES;
  const wireType = isDelimited ? DELIMITED : scalar === ScalarType.DOUBLE ? FIXED_64 : VARINT;
  return { wireType, isPackable: fieldKind === "list" && !isDelimited, message };
}
