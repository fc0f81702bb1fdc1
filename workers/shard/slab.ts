/** Zeroed memory for a table that only grows. V8 counts plain buffers towards its next collection: each 32 MB
 * of new ones cost one of the young generation, each 64 MB one of the whole heap, and nothing of what they
 * hold could be given back. Shared ones it does not count. */
export function allocateSlab(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes);
}
