/** What the front tells main every second that it has counted since its start. */
export interface FrontFigures {
  readonly connectionsAccepted: number;
  readonly connectionsRefused: number;
  readonly connectionsTimedOut: number;
  readonly receivedBytes: number;
  readonly callsInProgress: number;
  /** How often and how long nothing was read since main could not take more. */
  readonly pauses: number;
  readonly pausedMs: number;
  readonly connections: number;
  /** Of frames that have not come whole. */
  readonly bufferedBytes: number;
  /** Connections that wait for room in it. */
  readonly connectionsWaiting: number;
  /** Calls that met a bug of ours. */
  readonly bugs: number;
  readonly calls: readonly CallFigures[];
  /** What protocols count beside their calls. */
  readonly counters: readonly (readonly [protocol: string, counters: Readonly<Record<string, number>>])[];
}

export const NO_FIGURES: FrontFigures = {
  connectionsAccepted: 0,
  connectionsRefused: 0,
  connectionsTimedOut: 0,
  receivedBytes: 0,
  callsInProgress: 0,
  pauses: 0,
  pausedMs: 0,
  connections: 0,
  bufferedBytes: 0,
  connectionsWaiting: 0,
  bugs: 0,
  calls: [],
  counters: [],
};

export interface CallFigures {
  readonly protocol: string;
  readonly type: string;
  readonly count: number;
  readonly totalMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** By exception class. */
  readonly errors: readonly (readonly [string, number])[];
}
