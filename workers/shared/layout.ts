import { assert } from "../../engine/core/assert.js";

/** Layouts of shared memory are declared here and in the `*-layout.ts` files beside this one, as data. Both
 * sides derive their offsets from the same declaration and compare the hash at start. */
export type LayoutType = "u8" | "u16" | "u32" | "i32" | "f64" | "u48" | LayoutBytes;
type LayoutBytes = "bytes8" | "bytes16" | "bytes24" | "bytes96";

const BYTES_OF: Readonly<Record<LayoutType, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  f64: 8,
  u48: 6,
  bytes8: 8,
  bytes16: 16,
  bytes24: 24,
  bytes96: 96,
};

const ALIGNMENT_OF: Readonly<Record<LayoutType, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  f64: 8,
  u48: 2,
  bytes8: 8,
  bytes16: 8,
  bytes24: 8,
  bytes96: 8,
};

export interface LayoutField {
  readonly type: LayoutType;
  /** In bytes from the start of the row. */
  readonly offset: number;
  readonly doc: string;
}

export interface Layout<F extends Readonly<Record<string, LayoutField>>> {
  readonly name: string;
  readonly rowBytes: number;
  readonly writer: string;
  readonly readers: string;
  readonly fields: F;
  /** Of names, types and offsets: both sides compare it at start. */
  readonly hash: number;
}

/** Declares a row. Asserts alignment, order and that fields do not overlap. */
export function layout<const F extends Readonly<Record<string, LayoutField>>>(declaration: {
  readonly name: string;
  readonly rowBytes: number;
  readonly writer: string;
  readonly readers: string;
  readonly fields: F;
}): Layout<F> {
  let end = 0;
  let text = `${declaration.name}/${declaration.rowBytes}`;
  for (const [name, field] of Object.entries<LayoutField>(declaration.fields)) {
    assert(field.offset >= end, `${declaration.name}.${name} overlaps the field before it`);
    assert(field.offset % ALIGNMENT_OF[field.type] === 0, `${declaration.name}.${name} is not aligned`);
    end = field.offset + BYTES_OF[field.type];
    text += `;${name}:${field.type}@${field.offset}`;
  }
  assert(end <= declaration.rowBytes, `${declaration.name} does not fit its row`);
  assert(declaration.rowBytes % 8 === 0, `${declaration.name}: rows must be 8-aligned`);
  return { ...declaration, hash: fnv1a(text) };
}

export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
