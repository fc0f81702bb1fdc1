import type { Peers } from "../../../engine/consensus/peers.js";

/** For a host that is alone in its group. */
export const NO_PEERS: Peers = {
  setPeers: () => {},
  send: () => {},
  flush: () => {},
  close: () => Promise.resolve(),
};
