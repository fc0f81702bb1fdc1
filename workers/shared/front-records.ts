import type { ChannelReceiver, ChannelSender } from "../../engine/core/shared-channel.js";

/* Between main and the front, both ways, message connections as over a socket, without the socket:
 *
 *   OPEN    connection u32 │ path u32 │ remote address, UTF-8                          front → main
 *   FRAME   connection u32 │ 0 u32    │ frame of Strata's own protocol                 both
 *   CLOSE   connection u32 │ code u32 │ reason, UTF-8                                  both
 *   PORTS   client u32 │ datanode u32 │ block u32 │ 0 u32: where it listens            front → main
 *   FIGURES what it has counted, JSON                                                  front → main
 *   BUG     one that a call met (front-bug.ts), JSON                                   front → main
 *
 * The front numbers the connections. CLOSE is the last of a connection from each side; what the other has
 * sent meanwhile is dropped. Nothing else is lost: who finds the ring full keeps the record and reads no more
 * from its sockets until there is room. */
export const FRONT_RECORD = { OPEN: 1, FRAME: 2, CLOSE: 3, PORTS: 4, FIGURES: 5, BUG: 6 } as const;

const HEADER_BYTES = 8;
const PORTS_BYTES = 16;

/** Copies `bytes` behind a header of two words. False without room. */
export function sendFrontRecord(
  sender: ChannelSender,
  kind: number,
  connection: number,
  word: number,
  bytes: Uint8Array,
): boolean {
  const offset = sender.reserve(kind, HEADER_BYTES + bytes.length);
  if (offset < 0) return false;
  sender.view.setUint32(offset, connection, true);
  sender.view.setUint32(offset + 4, word, true);
  sender.bytes.set(bytes, offset + HEADER_BYTES);
  sender.commit();
  return true;
}

export function frontConnection({ view }: Pick<ChannelReceiver, "view">, offset: number): number {
  return view.getUint32(offset, true);
}

export function frontWord({ view }: Pick<ChannelReceiver, "view">, offset: number): number {
  return view.getUint32(offset + 4, true);
}

/** What stands behind the header, as a view of the ring. */
export function frontBytes(
  { bytes }: Pick<ChannelReceiver, "bytes">,
  offset: number,
  payloadBytes: number,
): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + offset + HEADER_BYTES, payloadBytes - HEADER_BYTES);
}

export function frontText(
  receiver: Pick<ChannelReceiver, "bytes">,
  offset: number,
  payloadBytes: number,
): string {
  return Buffer.from(frontBytes(receiver, offset, payloadBytes)).toString();
}

export interface FrontPorts {
  readonly client: number;
  readonly datanode: number;
  readonly block: number;
}

/** False without room. */
export function sendFrontPorts(sender: ChannelSender, { client, datanode, block }: FrontPorts): boolean {
  const offset = sender.reserve(FRONT_RECORD.PORTS, PORTS_BYTES);
  if (offset < 0) return false;
  const { view } = sender;
  view.setUint32(offset, client, true);
  view.setUint32(offset + 4, datanode, true);
  view.setUint32(offset + 8, block, true);
  view.setUint32(offset + 12, 0, true);
  sender.commit();
  return true;
}

export function readFrontPorts({ view }: Pick<ChannelReceiver, "view">, offset: number): FrontPorts {
  return {
    client: view.getUint32(offset, true),
    datanode: view.getUint32(offset + 4, true),
    block: view.getUint32(offset + 8, true),
  };
}
