/** `node stuck-open-process.js STORE`: opens a store that never opens, then ends as `strata` does. */
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, endProcess } from "../../../engine/cli/exit-code.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { isOpening } from "../../../engine/storage/open-watchdog.js";

const opened = new NodeDisk().openStore(process.argv[2]!, {
  kind: "log",
  columns: ["a"],
  memtableBytes: 1 << 20,
});
void opened.then(() => console.log("opened"));
while (!isOpening()) await sleep(1);
// Time for the thread to get to where it is stuck.
await sleep(200);
console.log("ending");
endProcess(EXIT.FAILED);
