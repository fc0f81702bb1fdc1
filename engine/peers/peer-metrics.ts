import type { Metrics } from "../telemetry/metrics.js";
import { PEER_COUNTER_MEANINGS } from "./peer-counters.js";
import type { PeerNetwork } from "./peer-network.js";

/** Shows what the network between members counts: `strata_peer_…`. */
export function addPeerMetrics(metrics: Metrics, peers: PeerNetwork): void {
  metrics.addCounters("peer", peers.counters, PEER_COUNTER_MEANINGS);
  const labels = ["peer"];
  metrics.addLabelledGauge("peer", "connected", "1 while this SCM can send to the member.", labels, () =>
    peers.status().map(({ nodeId, isReady }) => [{ peer: String(nodeId) }, isReady ? 1 : 0] as const),
  );
  metrics.addLabelledGauge("peer", "heard", "1 while the member can send to this SCM.", labels, () =>
    peers.status().map(({ nodeId, isHeard }) => [{ peer: String(nodeId) }, isHeard ? 1 : 0] as const),
  );
  metrics.addLabelledGauge("peer", "waiting_bytes", "Bytes that wait for the member.", labels, () =>
    peers.status().map(({ nodeId, waitingBytes }) => [{ peer: String(nodeId) }, waitingBytes] as const),
  );
}
