import { masked, toldText } from "./golden.js";
import {
  answerText,
  ask,
  call,
  context,
  frame,
  header,
  PROTOCOLS,
  type Protocol,
  ping,
  preamble,
  RawConnection,
  SASL_CALL,
} from "./raw-connection.js";
import { HOST, type ScmServer } from "./scm-service.js";
import type { Step, StepBench } from "./step.js";
import { delimited, message } from "./wire-text.js";

const UUID = "11111111-2222-3333-4444-555555555555";
const UUID_HALVES = [
  [1, 0x1111111122223333n],
  [2, 0x4444555555555555n],
] as const;
const LAYOUT = [
  [1, 10],
  [2, 10],
] as const;
const NODE_REPORT = [
  [
    1,
    [
      [1, "DS-1"],
      [2, "/data/1"],
      [3, 1_000_000_000_000],
      [4, 0],
      [5, 1_000_000_000_000],
    ],
  ],
] as const;

const GET_VERSION = message([1, 1], [3, []]);
const IN_SAFE_MODE = message([1, 14], [2, ""], [3, 3], [19, []]);
/** A command that tries again goes on for ten minutes. */
const AT_ONCE_MS = 240_000;

export const HANDSHAKE: Step = {
  number: 2,
  name: "handshake",
  what: "our own bytes: version, registration, heartbeat, identity, rules",
  surroundings: "own",
  // The datanode gets no commands.
  keys: {
    "ozone.scm.pipeline.creation.interval": "1h",
    "ozone.scm.pipeline.creation.auto.factor.one": "false",
  },
  run: async (bench) => {
    const { ports } = firstServer(bench);
    const answers: [string, number, Protocol, Uint8Array][] = [
      ["version", ports.datanode, PROTOCOLS.datanode, GET_VERSION],
      ["heartbeat-of-a-stranger", ports.datanode, PROTOCOLS.datanode, heartbeat()],
      ["register", ports.datanode, PROTOCOLS.datanode, register()],
      ["heartbeat", ports.datanode, PROTOCOLS.datanode, heartbeat()],
      ["block-identity", ports.block, PROTOCOLS.block, message([1, 13], [2, ""], [4, 3], [13, [[1, ""]]])],
      ["identity", ports.client, PROTOCOLS.location, message([1, 13], [2, ""], [3, 3], [18, []])],
      ["safe-mode", ports.client, PROTOCOLS.location, IN_SAFE_MODE],
    ];
    for (const [name, port, protocol, body] of answers) {
      await bench.check(name, async () => {
        bench.golden.check(`handshake/${name}`, steady(await ask(port, protocol, body)));
      });
    }
  },
};

const DETAILS = [
  [1, UUID],
  [2, HOST],
  [3, "localhost"],
  [
    4,
    [
      [1, "RATIS"],
      [2, 9858],
    ],
  ],
  [
    4,
    [
      [1, "STANDALONE"],
      [2, 9859],
    ],
  ],
  [100, UUID_HALVES],
  [102, [[1, UUID_HALVES]]],
] as const;

function register(): Uint8Array {
  const request = [
    [1, [[1, DETAILS]]],
    [2, NODE_REPORT],
    [3, []],
    [4, []],
    [5, LAYOUT],
  ] as const;
  return message([1, 2], [4, request]);
}

function heartbeat(): Uint8Array {
  return message(
    [1, 3],
    [
      5,
      [
        [1, DETAILS],
        [9, LAYOUT],
        [10, []],
      ],
    ],
  );
}

/** What servers answer to each kind of wrong bytes (spec 12 §2.2–2.5, §3). */
export const WIRE_ERRORS: Step = {
  number: 3,
  name: "errors",
  what: "what wrong bytes and wrong requests are answered with",
  surroundings: "own",
  run: async (bench) => {
    const { client, datanode } = firstServer(bench).ports;
    const { location } = PROTOCOLS;
    const answered = async (name: string, port: number, ...sent: (string | Uint8Array)[]) => {
      await bench.check(name, async () => {
        const connection = new RawConnection(port);
        connection.send(...sent);
        const answer = await connection.answer();
        connection.close();
        bench.golden.check(`errors/${name}`, steady(answer));
      });
    };
    const closed = async (name: string, ...sent: (string | Uint8Array)[]) => {
      await bench.check(name, async () => {
        const connection = new RawConnection(client);
        connection.send(...sent);
        bench.golden.check(`errors/${name}`, steady(shown(await connection.untilClosed())));
      });
    };
    const bad = (body: Uint8Array) => call(1, location, body);
    const connected = [preamble(), context(location)];
    await closed("wrong-magic", preamble({ magic: "grpc" }));
    await closed("newer-version", preamble({ version: 10 }));
    await closed("older-version", preamble({ version: 7 }));
    await closed("unknown-auth", preamble({ auth: 5 }));
    await closed("negative-length", ...connected, Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await closed("length-of-2-gib", ...connected, Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    await answered("call-before-context", client, preamble(), bad(IN_SAFE_MODE));
    await answered("second-context", client, ...connected, context(location));
    await answered("sasl-negotiate", client, preamble({ auth: 0xdf }), negotiate());
    await answered("ping-then-call", client, ...connected, ping(), call(0, location, IN_SAFE_MODE));
    const unknown = { ...location, name: "org.example.Unknown" };
    await answered("unknown-protocol", client, ...connected, call(0, unknown, IN_SAFE_MODE));
    await answered(
      "unknown-version",
      client,
      ...connected,
      call(0, { ...location, version: 2 }, IN_SAFE_MODE),
    );
    await answered(
      "unknown-method",
      client,
      ...connected,
      call(0, { ...location, method: "no" }, IN_SAFE_MODE),
    );
    await answered("no-body-of-its-type", datanode, preamble(), context(PROTOCOLS.datanode), noReport());
    await goesOn(bench, client);
    await failsAtOnce(bench);
  },
};

/** A registration without the node report that it must have. */
function noReport(): Uint8Array {
  return call(0, PROTOCOLS.datanode, message([1, 2], [4, [[1, [[1, DETAILS]]]]]));
}

function negotiate(): Uint8Array {
  return frame(delimited(header(SASL_CALL)), delimited(message([2, 1])));
}

/** An error answer leaves the connection as it is. */
async function goesOn(bench: StepBench, port: number): Promise<void> {
  await bench.check("a call after a refused one", async () => {
    const connection = new RawConnection(port);
    const { location } = PROTOCOLS;
    connection.send(preamble(), context(location), call(0, { ...location, method: "no" }, IN_SAFE_MODE));
    await connection.answer();
    connection.send(call(1, location, IN_SAFE_MODE));
    bench.golden.check("errors/call-after-refused", steady(await connection.answer()));
    connection.close();
  });
}

/** Commands whose answer is an error must not try for ten minutes (spec 12 §3.2). */
async function failsAtOnce({ cluster, check, golden }: StepBench): Promise<void> {
  const commands: [string, ...string[]][] = [
    ["unknown-container", "container", "info", "77"],
    ["close-unknown-container", "container", "close", "77"],
    ["close-unknown-pipeline", "pipeline", "close", UUID],
  ];
  for (const [name, ...words] of commands) {
    await check(words.join(" "), async () => {
      const told = await cluster.admin(...words);
      golden.check(`errors/${name}`, toldText(told));
      if (told.tookMs > AT_ONCE_MS) throw new Error(`took ${Math.round(told.tookMs)} ms`);
    });
  }
}

function firstServer({ cluster }: StepBench): ScmServer {
  const [server] = cluster.scm.servers;
  if (server === undefined) throw new Error("there is no SCM");
  return server;
}

/** Bytes of a server that closed: an answer, or what is not one. */
function shown(bytes: Buffer): string {
  if (bytes.length === 0) return "nothing\n";
  if (bytes.length >= 4 && bytes.readUInt32BE() === bytes.length - 4) return answerText(bytes.subarray(4));
  return `${JSON.stringify(bytes.toString("latin1"))}\n`;
}

/** The reference puts a Java stack behind its messages, which no client shows (spec 12 §3.1). */
function steady(text: string): string {
  const message = text.replaceAll(/\n\t?(at |java|org)[^"]*"/g, '"');
  return masked(message).replaceAll(/^( {4}3| {6}15): \d+$/gm, "$1: <term>");
}
