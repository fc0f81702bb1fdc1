import assert from "node:assert/strict";
import { decodeError, type RemoteError } from "../../../protocol/codec/errors.js";
import { FLAG_ERROR, readFrame } from "../../../protocol/codec/frame.js";
import { operationNamed } from "../../../protocol/codec/operations.js";
import type { OperationName } from "../../../protocol/schema/messages.js";
import { HEARTBEAT, registration, uuidOf } from "./datanode-world.js";
import { OPCODE_BINARY, RawClient } from "./raw-client.js";
import { until } from "./socket-world.js";

/** A datanode that can be made to misbehave on its socket, frame by frame. */
export class DatanodePeer extends RawClient {
  #requestId = 0;
  #seenCount = 0;

  /** An upgraded connection that has said hello and registered as datanode `number`, as far as it is asked
   * to. */
  static async open(port: number, upTo: "upgrade" | "hello" | "register", number = 1): Promise<DatanodePeer> {
    const peer = new DatanodePeer(port);
    assert.match(await peer.upgrade(), / 101 /);
    if (upTo !== "upgrade") await peer.ask("hello", { protocolVersionMax: 1, clientName: "test" });
    if (upTo === "register") await peer.ask("register", registration(uuidOf(number)));
    return peer;
  }

  /** A request frame, with the next id. */
  frame(name: OperationName, body: object): Uint8Array {
    const { op, request } = operationNamed(name);
    return request.encode(op, 0, ++this.#requestId, body);
  }

  tell(name: OperationName, body: object): void {
    this.sendFrame(OPCODE_BINARY, this.frame(name, body));
  }

  /** Asks and waits for the answer: its body, or the error. */
  async ask(name: OperationName, body: object): Promise<unknown> {
    this.tell(name, body);
    const next = () => this.frames.filter(({ opcode }) => opcode === OPCODE_BINARY)[this.#seenCount];
    await until(() => next() !== undefined || this.isEnded, `${name} is answered`);
    const payload = next()?.payload;
    assert.ok(payload !== undefined, `the connection was closed instead of answering ${name}`);
    this.#seenCount++;
    const { flags, bodyStart, bodyEnd } = readFrame(payload);
    if ((flags & FLAG_ERROR) !== 0) return decodeError(payload, bodyStart, bodyEnd) satisfies RemoteError;
    return operationNamed(name).response.decode(payload, bodyStart, bodyEnd);
  }

  async heartbeat(): Promise<void> {
    const answer = await this.ask("heartbeat", HEARTBEAT);
    assert.ok(!(answer instanceof Error), String(answer));
  }
}
