import { assert } from "../../engine/core/assert.js";
import { type BlockWrite, Fleet } from "./fleet.js";
import type { FleetFigures, FleetOptions } from "./fleet-figures.js";
import type { GroupMessage } from "./pipeline-groups.js";

/** What a fleet process sends its parent, once a second. */
export interface FleetMessage {
  readonly figures: FleetFigures;
  /** CPU share of this process since the last message, 1 = one core. */
  readonly cpuShare: number;
  /** CPU time of this process since its start. */
  readonly cpuSeconds: number;
}

/** What datanodes of one process tell those of the others. */
export interface GroupNews {
  readonly group: GroupMessage;
}

/** What its parent sends it. */
export type FleetOrder =
  | "begin"
  | "forget heartbeats"
  | "stop"
  | GroupNews
  | { readonly write: readonly BlockWrite[] };

/** A process of its own for simulated datanodes, started by `FleetRunner`; ends with its parent. */
const options = JSON.parse(process.argv[2] ?? "null") as FleetOptions | null;
assert(options !== null, "a fleet process is started with its options");
assert(process.send !== undefined, "a fleet process is started with a channel to its parent");

const isWhole = options.nodeCount === options.plan.nodeCount;
const tellOthers = (group: GroupMessage): void => {
  const news: GroupNews = { group };
  process.send?.(news);
};
const fleet = new Fleet(options, isWhole ? undefined : tellOthers);
let cpu = process.cpuUsage();
let atMs = performance.now();

function report(): void {
  const nowMs = performance.now();
  const used = process.cpuUsage(cpu);
  const cpuShare = (used.user + used.system) / 1000 / (nowMs - atMs);
  cpu = process.cpuUsage();
  atMs = nowMs;
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  const message: FleetMessage = { figures: fleet.snapshot(), cpuShare, cpuSeconds };
  process.send?.(message);
}

function obey(order: FleetOrder): void {
  if (order === "begin") fleet.start();
  else if (order === "forget heartbeats") fleet.forgetHeartbeats();
  else if (order === "stop") {
    report();
    fleet.stop();
    process.disconnect();
  } else if ("write" in order) fleet.write(order.write);
  else fleet.groups.receive(order.group);
}

process.on("disconnect", () => {
  fleet.disk?.flush();
  process.exit(0);
});
process.on("message", (message) => obey(message as FleetOrder));
report();
setInterval(report, 1000);
