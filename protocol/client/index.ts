/** The client library: how datanodes and administrators talk to a Strata SCM.
 *
 *   import { createAdminClient } from "strata-scm/client";
 *
 *   const client = createAdminClient({ endpoints: ["ws://localhost:9865"], clientName: "example 1.0" });
 *   const { healthyNodeCount } = await client.scmInfo();
 *   client.close();
 */
import { NodeClock } from "../../engine/host/node-clock.js";
import { NodeRandom } from "../../engine/host/node-random.js";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";
import { WsNetwork } from "../../engine/host/ws-network.js";
import type { AdminClientOptions } from "./admin-calls.js";
import { AdminClient } from "./admin-client.js";
import type { DatanodeClientOptions, DatanodeDriver, DatanodeHandler } from "./datanode-client.js";
import { DatanodeClient } from "./datanode-client.js";
import type {
  DatanodeGroupDriver,
  DatanodeGroupHandler,
  DatanodeGroupOptions,
} from "./datanode-group-client.js";
import { DatanodeGroupClient } from "./datanode-group-client.js";
import type { ClientEnvironment } from "./environment.js";

export { StrataError } from "../../engine/core/errors.js";
export { RemoteError } from "../codec/errors.js";
export type { ReportRow, RowBytes } from "../codec/report-rows.js";
export {
  ReportRowWriter,
  ROW_BYTES,
  ROW_BYTES_WITH_CHECKSUM,
  readReportRows,
} from "../codec/report-rows.js";
export type { OperationName, RequestOf, ResponseOf } from "../schema/messages.js";
export type { AdminClientOptions } from "./admin-calls.js";
export type { MutationName, MutationRequest, ReadName } from "./admin-client.js";
export { AdminClient } from "./admin-client.js";
export type { BackoffOptions } from "./backoff.js";
export type { ClusterTreeNode } from "./cluster-tree.js";
export { readClusterTree } from "./cluster-tree.js";
export type { Completion, RpcError } from "./completion.js";
export { codeOf, promised } from "./completion.js";
export type {
  DatanodeClientOptions,
  DatanodeDriver,
  DatanodeHandler,
  HeartbeatRequest,
  HeartbeatResponse,
  RegisterRequest,
  RegisterResponse,
} from "./datanode-client.js";
export { DatanodeClient } from "./datanode-client.js";
export type {
  DatanodeGroupDriver,
  DatanodeGroupHandler,
  DatanodeGroupOptions,
} from "./datanode-group-client.js";
export { DatanodeGroupClient } from "./datanode-group-client.js";
export type { ClientEnvironment } from "./environment.js";
export type { FullReportResult } from "./full-report.js";
export type { LocatedContainer, Location } from "./located-containers.js";
export { locatedContainers } from "./located-containers.js";
export type { ClientOptions } from "./reconnector.js";
export type { ReportRows, ReportSource } from "./report-source.js";
export { BufferReportSource, reportRows } from "./report-source.js";
export type { HelloResponse } from "./rpc-connection.js";

let environment: ClientEnvironment | undefined;

/** Real time, real randomness, real sockets; one for the whole process. */
export function defaultEnvironment(): ClientEnvironment {
  if (environment === undefined) {
    const scheduler = new NodeScheduler();
    const network = new WsNetwork(scheduler);
    environment = { clock: new NodeClock(), random: new NodeRandom(), scheduler, network };
  }
  return environment;
}

/** An administrator's client on real sockets. */
export function createAdminClient(options: AdminClientOptions): AdminClient {
  return new AdminClient(defaultEnvironment(), options);
}

/** A datanode's client on real sockets; call `start` on it. With a driver it registers and sends heartbeats
 * by itself. */
export function createDatanodeClient(
  options: DatanodeClientOptions,
  handler: DatanodeHandler,
  driver?: DatanodeDriver,
): DatanodeClient {
  return new DatanodeClient(defaultEnvironment(), options, handler, driver);
}

/** A datanode's client of a group of SCMs on real sockets; call `start` on it. */
export function createDatanodeGroupClient(
  options: DatanodeGroupOptions,
  handler: DatanodeGroupHandler,
  driver?: DatanodeGroupDriver,
): DatanodeGroupClient {
  return new DatanodeGroupClient(defaultEnvironment(), options, handler, driver);
}
