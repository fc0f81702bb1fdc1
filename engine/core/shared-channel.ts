/** One-way channel of records between two threads (or two parties of the simulator): single sender, single
 * receiver, in order, bounded. In production a ring in shared memory with a doorbell.
 *
 * Records are written and read in place. A payload starts 8-aligned in `bytes`/`view`, so nothing is
 * copied twice and nothing is allocated per record. */
export interface ChannelSender {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Largest payload that `reserve` ever accepts. */
  readonly payloadBytesMax: number;
  /** Bytes free now, as far as the sender knows; fill level = 1 − free / capacity. */
  freeBytes(): number;
  readonly capacityBytes: number;
  /** Whether so many bytes are free. A worker that was told "no" and is idle otherwise looks again soon. */
  hasRoom(bytes: number): boolean;
  /** Reserves a record of `kind` (1 … 65,535); returns the payload's offset in `bytes`, or −1 when the
   * channel is full. The record must be completed with `commit` before the next `reserve`. */
  reserve(kind: number, payloadBytes: number): number;
  /** Completes the reserved record. The receiver sees it after the next `publish` (the ring publishes by
   * itself now and then, so that a long turn does not hold everything back). */
  commit(): void;
  /** Makes all committed records visible and wakes the receiver when it sleeps. Once per event-loop turn. */
  publish(): void;
}

export interface ChannelReceiver {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Hands up to `recordCountMax` records to `handler` in order and releases their space; returns how many.
   * The payload is valid during the call only. */
  drain(handler: RecordHandler, recordCountMax: number): number;
}

export type RecordHandler = (kind: number, offset: number, payloadBytes: number) => void;
