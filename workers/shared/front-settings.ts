import type { Uuid } from "../../engine/core/uuid.js";

/** The ports of spec 12 §2.7 that the front opens. */
export type FrontPort = "client" | "datanode" | "block";

/** What main tells the front at its start. */
export interface FrontSettings {
  readonly clusterId: string;
  readonly scmId: Uuid;
  /** Under which operators and clients know this SCM (`ozone.scm.address`). */
  readonly hostName: string;
  /** Where to listen; port 0 = any free one. */
  readonly listen: Readonly<Record<FrontPort, { readonly host: string; readonly port: number }>>;
  readonly connectionCountMax: number;
  /** Of a frame on each port. */
  readonly frameBytesMax: Readonly<Record<FrontPort, number>>;
  /** What all connections together may hold of frames that have not come whole. */
  readonly bufferedBytesMax: number;
  /** Exception classes of the RPC layer: `ipc_` (Ozone 2.2 on) or `ipc` (spec 12 §2.1). */
  readonly ipcPackage: string;
  readonly heartbeatIntervalMs: number;
  readonly deadIntervalMs: number;
  /** Rows of full reports that wait for credit, of all datanodes. */
  readonly heldReportBytesMax: number;
}
