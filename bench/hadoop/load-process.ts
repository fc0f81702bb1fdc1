import { once } from "node:events";
import { connect as connectTo, type Socket } from "node:net";
import { assert, unreachable } from "../../engine/core/assert.js";
import { DATANODE_PROTOCOL } from "../../test/support/hadoop/hadoop-datanode.js";
import { PREAMBLE } from "../../test/support/hadoop/hadoop-frames.js";
import { Histogram } from "../harness/histogram.js";
import {
  BLOCK_PROTOCOL,
  blockFrame,
  containerFrame,
  contextOf,
  fleetOf,
  heartbeatFrame,
  LOCATION_PROTOCOL,
  registrationFrame,
} from "./call-frames.js";
import type { LoadCommand, LoadReply, LoadTarget, LoopCall } from "./hadoop-load.js";
import { PipelinedConnection } from "./pipelined-connection.js";
import { reportFrames } from "./report-frames.js";

const CONNECTIONS_AT_ONCE = 100;

/** The load's process, started by `LoadClient`: does what each message says, and answers it. */
const target = JSON.parse(process.argv[2] ?? "null") as LoadTarget | null;
assert(target !== null, "a load process is started with its target");
const { ports } = target;
const fleet = fleetOf(target.nodeCount);
const known = new Map<string, Calls>();
const { shape } = target;
/** By group. */
const reports = Array.from({ length: shape?.groups ?? 0 }, (_, group) =>
  shape === undefined ? [] : reportFrames(fleet, group, shape),
);

process.on("disconnect", () => process.exit(0));
process.on("message", (command) => {
  void run(command as LoadCommand).then((reply) => process.send?.(reply));
});

interface Calls {
  readonly port: number;
  readonly protocol: string;
  readonly frames: readonly Buffer[];
}

async function run(command: LoadCommand): Promise<LoadReply> {
  if (command.call === "connect") return await connect(command.connections);
  const { port, protocol, frames } = callsOf(command);
  const { callers } = command;
  const connection = await PipelinedConnection.open(port, protocol);
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const limits =
    "seconds" in command ? { callers, seconds: command.seconds } : { callers, calls: frames.length };
  const { count, failedCount, failure, latencyUs } = await connection.run(frames, limits);
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cpuShare = (user + system) / 1e6 / seconds;
  const latency = { latencyUs: latencyUs.entries(), latencyMaxUs: latencyUs.max };
  return { count, failedCount, failure, seconds, cpuShare, ...latency };
}

/** Datanodes' connections, open as long as this process. */
const idle: Socket[] = [];

async function connect(connections: number): Promise<LoadReply> {
  const startMs = performance.now();
  const latencyUs = new Histogram();
  while (idle.length < connections) {
    const some = Math.min(CONNECTIONS_AT_ONCE, connections - idle.length);
    const openings = Array.from({ length: some }, () => silentConnection(ports.datanode));
    idle.push(...(await Promise.all(openings)));
  }
  const seconds = (performance.now() - startMs) / 1000;
  const latency = { latencyUs: latencyUs.entries(), latencyMaxUs: latencyUs.max };
  return { count: idle.length, failedCount: 0, failure: "", seconds, cpuShare: 0, ...latency };
}

async function silentConnection(port: number): Promise<Socket> {
  const socket = connectTo({ port, host: "127.0.0.1" });
  await once(socket, "connect");
  socket.write(Buffer.concat([PREAMBLE, contextOf(DATANODE_PROTOCOL)]));
  return socket.resume();
}

function callsOf(command: Exclude<LoadCommand, { readonly call: "connect" }>): Calls {
  if (command.call === "report") {
    const frames = command.groups.flatMap((group) => reports[group] ?? []);
    return { port: ports.datanode, protocol: DATANODE_PROTOCOL, frames };
  }
  let calls = known.get(command.call);
  if (calls === undefined) {
    calls = newCalls(command.call);
    known.set(command.call, calls);
  }
  return calls;
}

function newCalls(call: "register" | LoopCall): Calls {
  switch (call) {
    case "register":
      return { port: ports.datanode, protocol: DATANODE_PROTOCOL, frames: fleet.map(registrationFrame) };
    case "heartbeat":
      return { port: ports.datanode, protocol: DATANODE_PROTOCOL, frames: fleet.map(heartbeatFrame) };
    case "allocateBlock":
      return { port: ports.block, protocol: BLOCK_PROTOCOL, frames: [blockFrame()] };
    case "allocateContainer":
      return { port: ports.client, protocol: LOCATION_PROTOCOL, frames: [containerFrame()] };
    default:
      return unreachable(call);
  }
}
