/** Of each container. */
export const REPLICAS = 3;

/** What a load process is started with. */
export interface LoadTarget {
  readonly ports: LoadPorts;
  readonly nodeCount: number;
  /** Of the datanodes' full reports, where there are any. */
  readonly shape?: ReportShape;
}

export interface LoadPorts {
  readonly client: number;
  readonly block: number;
  readonly datanode: number;
}

/** Datanodes in groups, each with containers of its own, so that several times something is reported for the
 * first time. */
export interface ReportShape {
  readonly groups: number;
  readonly nodesPerGroup: number;
  /** Three times as many replicas. */
  readonly containersPerNode: number;
}

export type LoopCall = "allocateBlock" | "allocateContainer" | "heartbeat";

/** `register`: each datanode once; `report`: each of some groups once; `connect`: opens connections without a
 * call, and keeps them. Others for `seconds`. */
export type LoadCommand =
  | { readonly call: "connect"; readonly connections: number }
  | { readonly call: "register"; readonly callers: number }
  | { readonly call: "report"; readonly callers: number; readonly groups: readonly number[] }
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
