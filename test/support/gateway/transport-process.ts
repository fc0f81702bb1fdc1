/** A server process for tests of how a process ends. Arguments: name of the transport, what to do. */
import type { TransportHandler } from "../../../engine/core/transport.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { WsNetwork } from "../../../engine/host/ws-network.js";
import { listenOptions, RecordingClient } from "../../integration/gateway/transport-contract.js";
import { transports } from "./socket-world.js";

const [name, order] = process.argv.slice(2);
const transport = transports()
  .find((entry) => entry.name === name)
  ?.make();
if (transport === undefined) throw new Error(`no transport ${name}`);

const handler: TransportHandler = {
  onOpen() {
    if (order === "throw-in-open") throw new Error("handler of open failed");
  },
  onMessage(connection, message) {
    if (order === "throw-in-message") throw new Error("handler of message failed");
    connection.send(message);
  },
  onClose() {
    if (order === "throw-in-close") throw new Error("handler of close failed");
  },
};
const listener = await transport.listen(listenOptions({ host: "127.0.0.1" }), handler);
const client = new RecordingClient();
client.onOpen = () => client.connection.send(Uint8Array.of(1));
client.onMessage = () => {
  if (order === "exit") process.exit(7);
  if (order === "stop") void listener.close();
  client.connection.close(1000, "");
};
const url = `ws://127.0.0.1:${listener.port}/datanode`;
const options = { subprotocol: "strata.v1", messageBytesMax: 1000, handshakeTimeoutMs: 5000 };
client.connection = new WsNetwork(new NodeScheduler()).dial(url, options, client);
