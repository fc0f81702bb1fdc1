import { createRequire } from "node:module";
import type { Clock } from "../core/clock.js";
import type { Scheduler } from "../core/scheduler.js";
import type { Transport } from "../core/transport.js";
import { type Uws, UwsTransport } from "./uws-transport.js";
import { WsTransport } from "./ws-transport.js";

/** ABI numbers with a uWebSockets.js binary: Node.js 16, 18 and 20. */
const UWS_ABIS = ["93", "108", "115"];

export interface TransportChoice {
  readonly transport: Transport;
  /** For the log: what was chosen and why. */
  readonly reason: string;
}

/** uWebSockets.js where its native module loads, `ws` elsewhere. */
export function createTransport(clock: Clock, scheduler: Scheduler): TransportChoice {
  const { uws, reason } = loadUws(process.versions.modules);
  const transport = uws === undefined ? new WsTransport(scheduler) : new UwsTransport(uws, clock, scheduler);
  return { transport, reason };
}

/** The native module for this ABI. On any other one the package is not even loaded: it would print a
 * warning and put a slow server without our guarantees in its place, which then ends the process at the
 * first upgrade. */
export function loadUws(abi: string): { readonly uws: Uws | undefined; readonly reason: string } {
  if (!UWS_ABIS.includes(abi)) {
    return {
      uws: undefined,
      reason: `ws: uWebSockets.js has no binary for ABI ${abi} (Node.js ${process.version})`,
    };
  }
  const uws = createRequire(import.meta.url)("uWebSockets.js") as Uws;
  // Only the native module can do TLS: the package replaces what it cannot load without an error.
  if (typeof uws.SSLApp !== "function") {
    const platform = `${process.platform}-${process.arch}`;
    return { uws: undefined, reason: `ws: the uWebSockets.js binary does not load on ${platform}` };
  }
  return { uws, reason: `uws: native uWebSockets.js for ABI ${abi}` };
}
