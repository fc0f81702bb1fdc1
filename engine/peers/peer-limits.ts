const KIB = 1024;
const MIB = 1024 * KIB;

/** Times and limits of the links between members (raft.md §7). */
export interface PeerLimits {
  /** For opening a connection, and again for the answer to hello. Short: a dial that began in a partition is
   * given up soon after it is mended, since its packets are repeated ever more rarely. */
  readonly handshakeTimeoutMs: number;
  /** Who dialled says this often that it is there. */
  readonly pingIntervalMs: number;
  /** It hangs up after as many intervals without a byte in either direction. Counted in its own wake-ups, so
   * that a pause of this process does not look like one of the other. */
  readonly silentPingsMax: number;
  /** Bound of the pause before a dial that follows one that failed; it begins at `redialMsMin`. */
  readonly redialMsMin: number;
  readonly redialMsMax: number;
  /** A connection that lived shorter does not count as a success, so that two who disagree do not dial
   * without a pause. */
  readonly stableMs: number;
  /** Appends wait while this much waits in the socket; everything else goes past them. */
  readonly socketBytesMax: number;
  /** Everything else is dropped when so much waits in the socket. */
  readonly socketBytesLimit: number;
  /** Appends that wait; more are dropped. One more than all that Raft leaves unanswered. */
  readonly queueBytesMax: number;
  /** How often is looked whether the socket has room again. */
  readonly drainIntervalMs: number;
}

export const DEFAULT_PEER_LIMITS: PeerLimits = {
  handshakeTimeoutMs: 2000,
  pingIntervalMs: 500,
  silentPingsMax: 6,
  redialMsMin: 50,
  redialMsMax: 500,
  stableMs: 1000,
  socketBytesMax: 512 * KIB,
  socketBytesLimit: 4 * MIB,
  queueBytesMax: 66 * MIB,
  drainIntervalMs: 2,
};
