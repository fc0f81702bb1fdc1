/** What a load process is started with. */
export interface LoadTarget {
  readonly ports: LoadPorts;
  readonly nodeCount: number;
}

export interface LoadPorts {
  readonly client: number;
  readonly block: number;
  readonly datanode: number;
}

export type LoopCall = "allocateBlock" | "allocateContainer" | "heartbeat";

/** `register`: each datanode once. Otherwise for `seconds`. */
export type LoadCommand =
  | { readonly call: "register"; readonly callers: number }
  | { readonly call: LoopCall; readonly callers: number; readonly seconds: number };

export interface LoadReply {
  readonly count: number;
  readonly failedCount: number;
  readonly failure: string;
  readonly seconds: number;
  readonly latencyUs: readonly (readonly [number, number])[];
  readonly latencyMaxUs: number;
  /** Of the load process, 1 = one core. */
  readonly cpuShare: number;
}
