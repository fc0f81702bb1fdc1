import { createTransport } from "../../../engine/gateway/create-transport.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import { NodeRandom } from "../../../engine/host/node-random.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { WsNetwork } from "../../../engine/host/ws-network.js";
import { PeerNetwork } from "../../../engine/peers/peer-network.js";
import { silentLogger } from "../../../engine/telemetry/logger.js";
import { LOOPBACK } from "../process/scm-home.js";
import { addressNumber, CLUSTER, memberNumber } from "./peer-world.js";

/** A member in a process of its own, which a test ends: `node peer-process.js ID PEER_ID PEER_PORT`. Tells
 * its port when it listens. */
const [id, peer, peerPort] = process.argv.slice(2).map(Number) as [number, number, number];
const clock = new NodeClock();
const scheduler = new NodeScheduler();
let port = 0;
const peers = new PeerNetwork({
  clock,
  scheduler,
  random: new NodeRandom(),
  network: new WsNetwork(scheduler),
  transport: createTransport(clock, scheduler).transport,
  logger: silentLogger,
  clusterId: CLUSTER,
  own: () => memberNumber(id, { host: LOOPBACK, ports: { ...memberNumber(id).ports, raft: port } }),
  isMember: () => true,
  addressOf: () => undefined,
  onMemberSeen: () => {},
});
port = await peers.listen(LOOPBACK, 0);
peers.setPeers([addressNumber(peer, { host: LOOPBACK, port: peerPort })]);
process.stdout.write(`${port}\n`);
