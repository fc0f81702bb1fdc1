import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";
import { NodeManager } from "../../../engine/cluster/nodes/node-manager.js";
import type { NodeManagerOptions } from "../../../engine/cluster/nodes/node-types.js";
import { DEFAULT_SCHEMA } from "../../../engine/cluster/topology/schema.js";
import { Topology } from "../../../engine/cluster/topology/topology.js";
import { SAFE_INTEGER_MAX } from "../../../engine/core/ids.js";
import { SeededRandom } from "../../../engine/core/random.js";
import type { Transport } from "../../../engine/core/transport.js";
import { DatanodeGateway } from "../../../engine/gateway/datanode-gateway.js";
import { GatewayMetrics } from "../../../engine/gateway/gateway-metrics.js";
import { RpcServer } from "../../../engine/gateway/rpc-server.js";
import { NodeClock } from "../../../engine/host/node-clock.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import { ReportIntake } from "../../../workers/pool/report-intake.js";
import { DatanodePeer } from "../../support/gateway/datanode-peer.js";
import { HEARTBEAT, registration, rowsFrom, uuidOf } from "../../support/gateway/datanode-world.js";
import { clientFrame, OPCODE_BINARY } from "../../support/gateway/raw-client.js";
import { CLUSTER_ID, SCM_ID } from "../../support/gateway/rpc-world.js";
import { transports, until } from "../../support/gateway/socket-world.js";

const HANDSHAKE_MS = 300;
const CONNECTIONS_PER_ADDRESS_MAX = 200;
const NODE_OPTIONS: NodeManagerOptions = {
  processIntervalMs: 3_000,
  staleIntervalMs: 300_000,
  deadIntervalMs: 600_000,
  layout: { metadata: 1, software: 1 },
  useDatanodeHostname: true,
  nodeCountMax: 1000,
  firstCommandId: 1,
  mayDelete: () => true,
  topology: new Topology(DEFAULT_SCHEMA, 1000),
  listener: { onEvent: () => {}, onPurge: () => {}, onNodeChanged: () => {} },
};

class Stage {
  readonly metrics = new GatewayMetrics();
  mergedRowCount = 0;
  port = 0;

  /** Closes with the answers that a healthy datanode got meanwhile. */
  static async run(transport: Transport, act: (stage: Stage) => Promise<void>): Promise<void> {
    const stage = new Stage();
    const listener = await stage.#serve(transport);
    stage.port = listener.port;
    const healthy = await DatanodePeer.open(stage.port, "register", 999);
    let isOver = false;
    let beatCount = 0;
    const beats = (async () => {
      while (!isOver) {
        await healthy.heartbeat();
        beatCount++;
      }
    })();
    try {
      await act(stage);
      const before = beatCount;
      await until(() => beatCount > before + 5, "the healthy datanode is still answered");
    } finally {
      isOver = true;
      await beats;
      await listener.close();
    }
    assert.ok(stage.metrics.gauges.connections === 0, "nothing is left of any connection");
  }

  /** The real intake, in front of shards that merge at once. */
  #intake(): ReportIntake {
    const count = ({ rows, rowBytes }: { rows: Uint8Array; rowBytes: number }): void => {
      this.mergedRowCount += rows.length / rowBytes;
    };
    return new ReportIntake({
      shards: {
        mergeChunk: (rows, onDone) => {
          count(rows);
          onDone(undefined);
          return true;
        },
        applyIncremental: (rows) => {
          count(rows);
          return true;
        },
        acceptsReports: () => true,
      },
      clock: new NodeClock(),
      chunksInFlightMax: 8,
      chunksPerNodeMax: 4,
      waitingBytesMax: 1_000_000,
      waitingBytesTotalMax: 1_000_000,
      onComplete: () => {},
    });
  }

  #serve(transport: Transport) {
    const clock = new NodeClock();
    const scheduler = new NodeScheduler();
    const server = new RpcServer({
      transport,
      clock,
      scheduler,
      facts: {
        clusterId: CLUSTER_ID,
        scmId: SCM_ID,
        heartbeatIntervalMs: 1000,
        isLeader: () => true,
        redirect: () => ({ term: 1 }),
      },
      limits: {
        connectionCountMax: 10_000,
        connectionsPerAddressMax: CONNECTIONS_PER_ADDRESS_MAX,
        sendBufferBytesMax: 64 * 1024,
        idleTimeoutSeconds: 60,
        handshakeTimeoutMs: HANDSHAKE_MS,
        requestsInFlightMax: 16,
      },
      metrics: this.metrics,
    });
    const services = {
      nodes: new NodeManager(NODE_OPTIONS),
      reports: this.#intake(),
      clock,
      scheduler,
      clusterId: CLUSTER_ID,
      onPipelineReports: () => undefined,
      onContainerActions: () => undefined,
      onPipelineActions: () => undefined,
      busyWith: () => undefined,
      leader: () => ({ isLeader: true, term: 1 }),
    };
    new DatanodeGateway(server, services, this.metrics);
    return server.listen("127.0.0.1", 0);
  }

  async grantedPeer(number: number): Promise<DatanodePeer> {
    const peer = await DatanodePeer.open(this.port, "register", number);
    await peer.ask("fullReportBegin", { fromRegistration: true, rowCount: 10 });
    return peer;
  }
}

/** A whole report in one chunk. */
function chunk(rows: Uint8Array): object {
  const range = { last: true, fromId: 0, toId: SAFE_INTEGER_MAX };
  return { reportId: 1, ...range, rowBytes: 32, origins: [uuidOf(9)], rows };
}

function swapped(): Uint8Array {
  const rows = rowsFrom(1, 3);
  return Uint8Array.from([...rows.subarray(32, 64), ...rows.subarray(0, 32), ...rows.subarray(64)]);
}

/** What a datanode does, and the code that its connection is closed with. */
const MISDEEDS: readonly { title: string; code: string; act: (stage: Stage) => Promise<DatanodePeer> }[] = [
  {
    title: "sends bytes that are no frame of the protocol",
    code: "FRAME_",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "hello");
      peer.sendFrame(OPCODE_BINARY, Buffer.from("what is this? certainly nothing that we know"));
      return peer;
    },
  },
  {
    title: "sends a body that is no msgpack",
    code: "BODY_MALFORMED",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "register");
      const frame = peer.frame("heartbeat", HEARTBEAT);
      frame.fill(0xc1, 16);
      peer.sendFrame(OPCODE_BINARY, frame);
      return peer;
    },
  },
  {
    title: "does not say hello",
    code: "HANDSHAKE_TIMEOUT",
    act: (stage) => DatanodePeer.open(stage.port, "upgrade"),
  },
  {
    title: "sends half a frame as its first and then nothing",
    code: "HANDSHAKE_TIMEOUT",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "upgrade");
      const frame = clientFrame(
        OPCODE_BINARY,
        peer.frame("hello", { protocolVersionMax: 1, clientName: "x" }),
      );
      peer.socket.write(frame.subarray(0, 20));
      return peer;
    },
  },
  {
    title: "begins with a heartbeat",
    code: "HELLO_EXPECTED",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "upgrade");
      peer.tell("heartbeat", HEARTBEAT);
      return peer;
    },
  },
  {
    title: "begins a report without registration",
    code: "NOT_REGISTERED",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "hello");
      peer.tell("fullReportBegin", { fromRegistration: true, rowCount: 1 });
      return peer;
    },
  },
  {
    title: "registers as two datanodes",
    code: "FIELD_INVALID",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "register", 1);
      peer.tell("register", registration(uuidOf(2)));
      return peer;
    },
  },
  {
    title: "sends a chunk without credit",
    code: "REPORT_NOT_GRANTED",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "register");
      peer.tell("fullReportChunk", chunk(rowsFrom(1, 3)));
      return peer;
    },
  },
  {
    title: "sends rows out of order",
    code: "REPORT_OUT_OF_ORDER",
    act: async (stage) => {
      const peer = await stage.grantedPeer(1);
      peer.tell("fullReportChunk", chunk(swapped()));
      return peer;
    },
  },
  {
    title: "repeats a request id",
    code: "REQUEST_ID",
    act: async (stage) => {
      const peer = await DatanodePeer.open(stage.port, "register");
      const frame = peer.frame("heartbeat", HEARTBEAT);
      peer.sendFrame(OPCODE_BINARY, frame);
      peer.sendFrame(OPCODE_BINARY, frame);
      return peer;
    },
  },
];

for (const { name, make } of transports()) {
  describe(`a hostile datanode hurts only itself, ${name}`, () => {
    for (const { title, code, act } of MISDEEDS) {
      test(`when it ${title}`, async () => {
        await Stage.run(make(), async (stage) => {
          const peer = await act(stage);
          const { reason } = await peer.closed();
          assert.ok(reason.startsWith(code), `closed with ${reason}`);
          peer.socket.destroy();
        });
      });
    }

    test("when it reports ids beyond all that exist", async () => {
      await Stage.run(make(), async (stage) => {
        const peer = await stage.grantedPeer(1);
        const answer = await peer.ask("fullReportChunk", chunk(rowsFrom(2 ** 40, 3)));
        assert.deepEqual(answer, {});
        assert.equal(stage.mergedRowCount, 3);
        peer.socket.destroy();
      });
    });

    test("when it does not read its answers", async () => {
      await Stage.run(make(), async (stage) => {
        const peer = await DatanodePeer.open(stage.port, "register");
        peer.socket.pause();
        const before = stage.metrics.counters.connectionsClosed;
        while (stage.metrics.counters.connectionsClosed === before) {
          for (let i = 0; i < 500; i++) peer.tell("register", registration(uuidOf(1)));
          await new Promise((resolve) => setImmediate(resolve));
        }
        peer.socket.destroy();
      });
    });

    test("when it opens thousands of connections", async () => {
      await Stage.run(make(), async (stage) => {
        const script = new URL("../../support/gateway/many-connections.js", import.meta.url).pathname;
        const clients = spawn(process.execPath, [script, String(stage.port), "3000"]);
        const exited = once(clients, "exit");
        await until(() => stage.metrics.counters.connectionsOpened >= 3001, "all were let in for a moment");
        clients.stdin.write("close\n");
        await exited;
        await until(() => stage.metrics.gauges.connections === 1, "all are closed");
        assert.ok((stage.metrics.closesByCode.get("TOO_MANY_CONNECTIONS") ?? 0) > 0);
      });
    });

    const seed = 20_261_121;
    test(`when it sends frames with random damage (seed ${seed})`, async () => {
      await Stage.run(make(), async (stage) => {
        const random = new SeededRandom(seed);
        for (let round = 0; round < 150; round++) {
          const peer = await DatanodePeer.open(stage.port, "hello", round);
          const frame = peer.frame("register", registration(uuidOf(round)));
          for (let i = 0; i <= random.below(4); i++) frame[random.below(frame.length)] = random.below(256);
          peer.sendFrame(
            OPCODE_BINARY,
            frame.subarray(0, random.below(4) === 0 ? random.below(frame.length) : undefined),
          );
          const answeredBefore = peer.frames.length;
          await until(() => peer.frames.length > answeredBefore || peer.isEnded, `round ${round} is decided`);
          peer.socket.destroy();
        }
      });
    });
  });
}
