import { assert } from "./assert.js";

const MAPPED_PREFIX = "::ffff:";

/** The one text form of a peer's address: dotted for IPv4, also when it came through an IPv6 socket
 * (`::ffff:10.0.0.1`), compressed lower-case otherwise. `bytes` are 4 or 16 in network order. */
export function addressText(bytes: Uint8Array): string {
  assert(bytes.length === 4 || bytes.length === 16, `address of ${bytes.length} bytes`);
  if (bytes.length === 4) return bytes.join(".");
  const isMapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return bytes.subarray(12).join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** The same for an address that Node.js gives as text. */
export function normalAddress(text: string): string {
  const rest = text.slice(MAPPED_PREFIX.length);
  return text.startsWith(MAPPED_PREFIX) && rest.includes(".") ? rest : text;
}
