import type { FrontPort } from "../shared/front-settings.js";
import { BlockProtocol } from "./block/block-protocol.js";
import { DatanodeProtocol } from "./datanode/datanode-protocol.js";
import type { FrontContext } from "./front-context.js";
import { LocationProtocol } from "./location/location-protocol.js";
import { ReconfigureProtocol } from "./location/reconfigure-protocol.js";
import type { HadoopProtocol } from "./rpc/call.js";

/** Which protocols each port serves (spec 12 §2.7); a new one is a line here. */
export const PROTOCOLS: Readonly<Record<FrontPort, readonly ((context: FrontContext) => HadoopProtocol)[]>> =
  {
    client: [(context) => new LocationProtocol(context), (context) => new ReconfigureProtocol(context)],
    datanode: [(context) => new DatanodeProtocol(context)],
    block: [(context) => new BlockProtocol(context)],
  };
