import type {
  SnapshotMessage,
  SnapshotMessageName,
  SnapshotMessageOf,
} from "../../protocol/schema/snapshot-messages.js";
import type { Member } from "../cluster/members/member.js";
import type { StrataError } from "../core/errors.js";

/** A connection for one snapshot between two members that have greeted each other. The same on both sides:
 * who dialled sends the state, and either may send what it likes. */
export interface SnapshotLink {
  /** At the other end. */
  readonly member: Member;
  readonly isOpen: boolean;
  /** Sends a message of `SNAPSHOT_MESSAGES`, copying it out. False when the link is closed.
   * @throws StrataError FIELD_INVALID, FRAME_TOO_LARGE; nothing is sent then */
  send<N extends SnapshotMessageName>(name: N, body: SnapshotMessageOf<N>): boolean;
  /** Bytes that wait to be sent. The sender of chunks keeps it small: poll it, there is no event. */
  bufferedBytes(): number;
  /** `onClosed` is not called then. The other side is told the reason. */
  close(reason: StrataError | undefined): void;
}

export interface SnapshotLinkHandler {
  /** Greeted. Called on the side that dialled only. */
  onReady?(link: SnapshotLink): void;
  /** `bytes` fields of `message` are only valid during the call. A StrataError that it throws closes the link
   * with its code. */
  onMessage(link: SnapshotLink, message: SnapshotMessage): void;
  /** The other side has closed, could not be reached, or went silent; also when it was never ready. */
  onClosed(reason: string): void;
}
