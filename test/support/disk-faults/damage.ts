import { readFileSync, writeFileSync } from "node:fs";

/** Changes of a file's bytes in place. */
export const FLIP = {
  /** One bit, the one that the place selects. */
  bit: (path: string, at: number): void => edit(path, (bytes) => xor(bytes, at, 1 << (at % 8))),
  /** All bits of a byte. */
  byte: (path: string, at: number): void => edit(path, (bytes) => xor(bytes, at, 0xff)),
} as const;
export type Flip = keyof typeof FLIP;

export const PAGE_BYTES = 4096;

/** Zeroes the page that holds `at`. */
export function zeroPage(path: string, at: number): void {
  const start = at - (at % PAGE_BYTES);
  edit(path, (bytes) => bytes.fill(0, start, Math.min(bytes.length, start + PAGE_BYTES)));
}

/** Zeroes everything from `from` on; the file keeps its length. */
export function zeroFrom(path: string, from: number): void {
  edit(path, (bytes) => bytes.fill(0, from));
}

export function edit(path: string, change: (bytes: Buffer) => unknown): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

function xor(bytes: Buffer, at: number, mask: number): void {
  if (at >= bytes.length) throw new Error(`no byte ${at} in ${bytes.length}`);
  bytes[at] = (bytes[at] as number) ^ mask;
}
