import type { DialHandler } from "../../../engine/core/network.js";
import { encodeMessage } from "../../../engine/peers/message-codec.js";
import { HELLO_OP, HELLO_REQUEST } from "../../../engine/peers/peer-hello.js";
import type { Message } from "../../../engine/raft/message.js";
import { PEER_SUBPROTOCOL } from "../../../protocol/schema/peer-messages.js";
import type { SimConnection } from "../simulation/sim-connection.js";
import { CLUSTER, hostOf, memberNumber, type PeerWorld, RAFT_PORT } from "./peer-world.js";

/** Bytes of a hello that member `id` says to member `target`. */
export function helloOf(id: number, target: number, number = 1): Uint8Array {
  const member = memberNumber(id);
  return HELLO_REQUEST.encode(HELLO_OP, 0, number, {
    protocolVersionMax: 1,
    clusterId: CLUSTER,
    member,
    target,
  });
}

/** Dials a member and says whatever a test wants. */
export class RawPeer implements DialHandler {
  readonly received: Uint8Array[] = [];
  isOpen = false;
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly connection: SimConnection;
  #lastNumber = 0;

  constructor(world: PeerWorld, from: number, to: number, path = "/raft") {
    const url = `ws://${hostOf(to)}:${RAFT_PORT}${path}`;
    const options = {
      subprotocol: PEER_SUBPROTOCOL,
      messageBytesMax: 8 * 1024 * 1024,
      handshakeTimeoutMs: 1_000,
    };
    this.connection = world.network.dial(hostOf(from), url, options, this);
  }

  static async open(world: PeerWorld, from: number, to: number, path?: string): Promise<RawPeer> {
    const peer = new RawPeer(world, from, to, path);
    await world.until("the raw peer is connected", () => peer.isOpen);
    return peer;
  }

  /** One that has said hello. */
  static async greeted(world: PeerWorld, from: number, to: number, path?: string): Promise<RawPeer> {
    const peer = await RawPeer.open(world, from, to, path);
    peer.send(helloOf(from, to, peer.nextNumber()));
    await world.until("hello is answered", () => peer.received.length === 1);
    return peer;
  }

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  send(bytes: Uint8Array): void {
    this.connection.send(bytes);
  }

  sendMessage(message: Message): void {
    this.send(encodeMessage(message, this.nextNumber()));
  }

  onOpen(): void {
    this.isOpen = true;
  }

  onMessage(message: Uint8Array): void {
    this.received.push(Uint8Array.from(message));
  }

  onClose(code: number, reason: string): void {
    this.closed = { code, reason };
  }
}
