import type { ServerConnection, TransportHandler } from "../../../engine/core/transport.js";
import { HELLO_OP, HELLO_RESPONSE } from "../../../engine/peers/peer-hello.js";
import { FLAG_ANSWER } from "../../../protocol/codec/frame.js";
import { PEER_SUBPROTOCOL } from "../../../protocol/schema/peer-messages.js";
import { CLUSTER, hostOf, memberNumber, type PeerWorld, RAFT_PORT } from "./peer-world.js";

/** The answer of member `id` to hello. */
export function helloAnswer(id: number, change: { clusterId?: string; protocolVersion?: number } = {}) {
  const response = { protocolVersion: 1, clusterId: CLUSTER, member: memberNumber(id), ...change };
  return HELLO_RESPONSE.encode(HELLO_OP, FLAG_ANSWER, 1, response);
}

/** Stands where a member should be, and answers to hello with whatever a test wants. */
export class RawListener implements TransportHandler {
  readonly #answers: readonly Uint8Array[];
  /** Codes with which connections were closed. */
  readonly closeCodes: number[] = [];
  openedCount = 0;

  constructor(answers: readonly Uint8Array[]) {
    this.#answers = answers;
  }

  static async start(world: PeerWorld, id: number, answers: readonly Uint8Array[]): Promise<RawListener> {
    const listener = new RawListener(answers);
    const options = {
      host: "0.0.0.0",
      port: RAFT_PORT,
      paths: ["/raft", "/snapshot"],
      subprotocol: PEER_SUBPROTOCOL,
      messageBytesMax: 8 * 1024 * 1024,
      sendBufferBytesMax: 8 * 1024 * 1024,
      idleTimeoutSeconds: 60,
      connectionCountMax: 1000,
    };
    await world.scheduler.settle(world.network.transport(hostOf(id)).listen(options, listener));
    return listener;
  }

  onOpen(): void {
    this.openedCount++;
  }

  onMessage(connection: ServerConnection): void {
    if (connection.session !== undefined) return;
    connection.session = "greeted";
    for (const answer of this.#answers) connection.send(answer);
  }

  onClose(_connection: ServerConnection, code: number): void {
    this.closeCodes.push(code);
  }
}
