import { assert } from "../../engine/core/assert.js";
import { Fleet, type FleetFigures, type FleetOptions } from "./fleet.js";

/** What a fleet process sends its parent, once a second. */
export interface FleetMessage {
  readonly figures: FleetFigures;
  /** CPU share of this process since the last message, 1 = one core. */
  readonly cpuShare: number;
  /** CPU time of this process since its start. */
  readonly cpuSeconds: number;
}

/** A process of its own for simulated datanodes, started by `FleetRunner`; ends with its parent. */
const options = JSON.parse(process.argv[2] ?? "null") as FleetOptions | null;
assert(options !== null, "a fleet process is started with its options");
assert(process.send !== undefined, "a fleet process is started with a channel to its parent");

const fleet = new Fleet(options);
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

process.on("disconnect", () => process.exit(0));
process.on("message", (message) => {
  if (message === "begin") fleet.start();
  if (message === "forget heartbeats") fleet.forgetHeartbeats();
  if (message !== "stop") return;
  report();
  fleet.stop();
  process.disconnect();
});
report();
setInterval(report, 1000);
