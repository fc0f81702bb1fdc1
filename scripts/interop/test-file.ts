import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";

const CHUNK_BYTES = 1 << 20;

/** A file of bytes that follow from its size. */
export class TestFile {
  readonly path: string;
  readonly sha256: string;

  static create(path: string, bytes: number): TestFile {
    const file = openSync(path, "w");
    const hash = createHash("sha256");
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let state = bytes | 1;
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      for (let i = 0; i < CHUNK_BYTES; i += 4) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
        chunk.writeInt32LE(state, i);
      }
      const part = chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - at));
      writeSync(file, part);
      hash.update(part);
    }
    closeSync(file);
    return new TestFile(path, hash);
  }

  private constructor(path: string, hash: Hash) {
    this.path = path;
    this.sha256 = hash.digest("hex");
  }
}

export function sha256Of(path: string): string {
  const hash = createHash("sha256");
  const file = openSync(path, "r");
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
    hash.update(chunk.subarray(0, read));
  }
  closeSync(file);
  return hash.digest("hex");
}
