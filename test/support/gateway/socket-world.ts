import type { Transport } from "../../../engine/core/transport.js";
import { loadUws } from "../../../engine/gateway/create-transport.js";
import { UwsTransport } from "../../../engine/gateway/uws-transport.js";
import { WsTransport } from "../../../engine/gateway/ws-transport.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { WsNetwork } from "../../../engine/host/ws-network.js";
import type { TransportWorld } from "../../integration/gateway/transport-contract.js";
import { waitFor } from "../wait.js";

const WAIT_MS_MAX = 20_000;

/** Runs the event loop until `condition` holds; fails naming `what` after 20 s or `limitMs`. */
export function until(condition: () => boolean, what: string, limitMs = WAIT_MS_MAX): Promise<void> {
  return waitFor(what, condition, limitMs);
}

/** Real sockets on loopback. */
export function socketWorld(transport: Transport): TransportWorld {
  return {
    transport,
    network: new WsNetwork(new NodeScheduler()),
    host: "127.0.0.1",
    until,
    settle: (promise) => promise,
    close: async () => {},
  };
}

/** The transports that this Node.js can run, by name. */
export function transports(): { name: string; make: () => Transport }[] {
  const { uws } = loadUws(process.versions.modules);
  const list = [{ name: "ws", make: (): Transport => new WsTransport(new NodeScheduler()) }];
  if (uws === undefined) return list;
  list.unshift({ name: "uws", make: () => new UwsTransport(uws, new NodeClock(), new NodeScheduler()) });
  return list;
}
