import { assert, unreachable } from "../../engine/core/assert.js";
import { Histogram } from "../harness/histogram.js";
import { allocateContainerLoad, allocateLoad } from "./allocate-load.js";
import { heartbeatLoad } from "./heartbeat-load.js";
import { incrementalLoad } from "./incremental-load.js";
import type { LoadRequest, LoadResult, LoadTally } from "./load.js";
import { readLoad } from "./read-load.js";
import { suppressLoad } from "./suppress-load.js";

/** A load generator's process, started by `runLoad` or `RunningLoad`: runs, sends its result, ends. */
const request = JSON.parse(process.argv[2] ?? "null") as LoadRequest | null;
assert(request !== null, "a load process is started with its request");
process.on("disconnect", () => process.exit(0));

const tally: LoadTally = { count: 0, failedCount: 0, latencyUs: new Histogram() };
let startMs = 0;
let cpu = process.cpuUsage();
function begin(): void {
  startMs = performance.now();
  cpu = process.cpuUsage();
}

process.on("message", () => {
  process.send?.(result());
  Object.assign(tally, { count: 0, failedCount: 0, latencyUs: new Histogram() });
  begin();
});
await run(request);
process.send?.(result(), () => process.exit(0));

/** Since `begin`. */
function result(): LoadResult {
  const seconds = (performance.now() - startMs) / 1000;
  const used = process.cpuUsage(cpu);
  return {
    count: tally.count,
    failedCount: tally.failedCount,
    latencyUs: tally.latencyUs.entries(),
    latencyMaxUs: tally.latencyUs.max,
    cpuShare: (used.user + used.system) / 1e6 / seconds,
    seconds,
  };
}

function run(load: LoadRequest): Promise<void> {
  switch (load.kind) {
    case "heartbeat":
      return heartbeatLoad(load, tally, begin);
    case "suppress":
      return suppressLoad(load, tally, begin);
    case "incremental":
      return incrementalLoad(load, tally, begin);
    case "read":
      return readLoad(load, tally, begin);
    case "allocate":
      return allocateLoad(load, tally, begin);
    case "allocate container":
      return allocateContainerLoad(load, tally, begin);
    default:
      return unreachable(load);
  }
}
