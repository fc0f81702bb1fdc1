import { deepEqual, equal } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import {
  answerText,
  call,
  context,
  frame,
  header,
  PROTOCOLS,
  ping,
  preamble,
  RawConnection,
  SASL_CALL,
} from "../../../../../scripts/interop/raw-connection.js";
import { delimited, message, zigzag } from "../../../../../scripts/interop/wire-text.js";
import { KeepingProtocol, RpcWorld } from "../../../../support/front/rpc-world.js";

/* The golden texts were recorded from the released SCM (`npm run interop -- --reference`). */

const { location } = PROTOCOLS;
const IN_SAFE_MODE = message([1, 14], [2, ""], [3, 3], [19, []]);
const NOT_IN_SAFE_MODE = message([1, 14], [5, 1], [19, [[1, 0]]]);
const CLIENT_ID = "0123456789abcdef";

function golden(name: string): string {
  const url = new URL(`../../../../../../test/golden/interop/errors/${name}.txt`, import.meta.url);
  return readFileSync(url, "utf8");
}

function shown(bytes: Buffer): string {
  if (bytes.length === 0) return "nothing\n";
  if (bytes.length >= 4 && bytes.readUInt32BE() === bytes.length - 4) return answerText(bytes.subarray(4));
  return `${JSON.stringify(bytes.toString("latin1"))}\n`;
}

describe("what wrong bytes are answered with", () => {
  let world: RpcWorld;
  before(async () => {
    const protocol = new KeepingProtocol(location.name, location.method);
    protocol.answer = () => NOT_IN_SAFE_MODE;
    world = await RpcWorld.open(protocol);
  });
  after(() => world.close());

  async function answerTo(...sent: (string | Uint8Array)[]): Promise<string> {
    const connection = new RawConnection(world.port);
    connection.send(...sent);
    const answer = await connection.answer();
    connection.close();
    return answer;
  }

  async function lastOf(...sent: (string | Uint8Array)[]): Promise<Buffer> {
    const connection = new RawConnection(world.port);
    connection.send(...sent);
    return connection.untilClosed();
  }

  const connected = [preamble(), context(location)];
  const safeMode = (callId: number) => call(callId, location, IN_SAFE_MODE);

  const closing: readonly (readonly [string, readonly (string | Uint8Array)[]])[] = [
    ["wrong-magic", [preamble({ magic: "grpc" })]],
    ["newer-version", [preamble({ version: 10 })]],
    ["older-version", [preamble({ version: 7 })]],
    ["unknown-auth", [preamble({ auth: 5 })]],
    ["negative-length", [...connected, Buffer.from([0xff, 0xff, 0xff, 0xff])]],
    ["length-of-2-gib", [...connected, Buffer.from([0x7f, 0xff, 0xff, 0xff])]],
  ];
  for (const [name, sent] of closing) {
    it(`${name}: as the reference does, and the connection closes`, async () => {
      equal(shown(await lastOf(...sent)), golden(name));
    });
  }

  const answered: readonly (readonly [string, readonly (string | Uint8Array)[]])[] = [
    ["call-before-context", [preamble(), safeMode(1)]],
    ["second-context", [...connected, context(location)]],
    [
      "sasl-negotiate",
      [preamble({ auth: 0xdf }), frame(delimited(header(SASL_CALL)), delimited(message([2, 1])))],
    ],
    ["ping-then-call", [...connected, ping(), safeMode(0)]],
    ["unknown-protocol", [...connected, call(0, { ...location, name: "org.example.Unknown" }, IN_SAFE_MODE)]],
    ["unknown-version", [...connected, call(0, { ...location, version: 2 }, IN_SAFE_MODE)]],
    ["unknown-method", [...connected, call(0, { ...location, method: "no" }, IN_SAFE_MODE)]],
  ];
  for (const [name, sent] of answered) {
    it(`${name}: as the reference does`, async () => {
      equal(await answerTo(...sent), golden(name));
    });
  }

  it("a call after a refused one is answered", async () => {
    const connection = new RawConnection(world.port);
    connection.send(...connected, call(0, { ...location, method: "no" }, IN_SAFE_MODE));
    await connection.answer();
    connection.send(safeMode(1));
    equal(await connection.answer(), golden("call-after-refused"));
    connection.close();
  });

  it("a browser is told in plain HTTP that this is no web page", async () => {
    const text = (await lastOf("GET / HTTP/1.1\r\n\r\n")).toString();
    equal(text.split("\r\n")[0], "HTTP/1.1 404 Not Found");
    equal(text.includes("Hadoop IPC port"), true);
  });

  it("a client that negotiates goes on with context and calls", async () => {
    const connection = new RawConnection(world.port);
    connection.send(
      preamble({ auth: 0xdf }),
      frame(delimited(header(SASL_CALL)), delimited(message([2, 1]))),
      context(location),
      safeMode(1),
    );
    await connection.answer();
    equal(await connection.answer(), golden("call-after-refused"));
    connection.close();
  });

  const fatal: readonly (readonly [string, readonly (string | Uint8Array)[], number, string])[] = [
    [
      "a context during negotiation",
      [preamble({ auth: 0xdf }), context(location)],
      12,
      "Connection header sent during SASL negotiation",
    ],
    [
      "SASL that the preamble did not ask for",
      [...connected, frame(delimited(header(SASL_CALL)), delimited(message([2, 1])))],
      12,
      "SASL protocol not requested by client",
    ],
    [
      "an unknown call out of band",
      [...connected, frame(delimited(header(-9)))],
      12,
      "Unknown out of band call #-9",
    ],
    [
      "a header without operation",
      [...connected, headerOf([1, 2])],
      12,
      " IPC Server: No rpc op in rpcRequestHeader",
    ],
    [
      "another operation",
      [...connected, headerOf([1, 2], [2, 2])],
      12,
      "IPC Server does not implement rpc header operation2",
    ],
    [
      "a header without kind",
      [...connected, headerOf([2, 0])],
      12,
      " IPC Server: No rpc kind in rpcRequestHeader",
    ],
    ["another kind", [...connected, headerOf([1, 1], [2, 0])], 12, "Unknown rpc kind in rpc header1"],
  ];
  for (const [name, sent, detail, text] of fatal) {
    it(`${name}: a fatal answer, then the connection closes`, async () => {
      const answer = shown(await lastOf(...sent));
      deepEqual(fieldsOf(answer), {
        2: "2",
        4: '"org.apache.hadoop.ipc_.RpcServerException"',
        5: `"${text}"`,
        6: `${detail}`,
      });
    });
  }

  for (const [name, bytes] of [
    ["a frame of nothing", frame()],
    ["a header that is cut off", frame(Buffer.from([0x1a, 0x08]))],
    ["a header that is no protobuf", frame(delimited(Buffer.from([0xff, 0xff])))],
    ["a header without call id", frame(delimited(message([1, 2], [2, 0], [4, CLIENT_ID])))],
  ] as const) {
    it(`${name}: fatal, deserializing`, async () => {
      const answer = shown(await lastOf(...connected, bytes));
      equal(/^ {2}6: 13$/m.test(answer), true, answer);
    });
  }

  for (const [name, bytes] of [
    ["a call without the engine's header", frame(delimited(header(0)))],
    [
      "an engine's header without version",
      frame(delimited(header(0)), delimited(message([1, "m"], [2, "p"]))),
    ],
    [
      "a call whose body is cut off",
      frame(
        delimited(header(0)),
        delimited(message([1, location.method], [2, location.name], [3, 1])),
        Buffer.from([5, 1]),
      ),
    ],
  ] as const) {
    it(`${name}: fatal, deserializing`, async () => {
      const answer = shown(await lastOf(...connected, bytes));
      equal(/^ {2}6: 13$/m.test(answer), true, answer);
    });
  }
});

/** A frame whose header has a call id, a client id and these fields. */
function headerOf(...fields: readonly (readonly [number, number])[]): Uint8Array {
  return frame(delimited(message(...fields, [3, zigzag(5)], [4, CLIENT_ID])), delimited(new Uint8Array(0)));
}

/** Status, class, message and detail of an answer as text. */
function fieldsOf(answer: string): Record<string, string> {
  const lines = [...answer.matchAll(/^ {2}([2456]): (.*)$/gm)];
  return Object.fromEntries(lines.map(([, number, value]) => [number, value]));
}
