const WORD_BYTES = 8;
/** Shorter copies gain nothing. */
const LONG_BYTES = 1024;

let staging = new Uint8Array(128 * 1024 + WORD_BYTES);

/** `target.set(source)` where the source may lie in shared memory at any address. V8 copies that byte by
 * byte unless it begins on a word: 54 µs for 128 KB, where words take 7 to 11 and private memory 3, wherever
 * it lies. So what lies askew is copied with the word before it to private memory first. */
export function copyFromShared(target: Uint8Array, source: Uint8Array): void {
  const skipped = source.byteOffset % WORD_BYTES;
  if (skipped === 0 || source.length < LONG_BYTES || !(source.buffer instanceof SharedArrayBuffer)) {
    target.set(source);
    return;
  }
  const whole = new Uint8Array(source.buffer, source.byteOffset - skipped, skipped + source.length);
  if (staging.length < whole.length) staging = new Uint8Array(whole.length);
  staging.set(whole);
  target.set(staging.subarray(skipped, whole.length));
}
