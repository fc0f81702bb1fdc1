/** A process to be killed: `node small-scm-process.js MODE DIR`.
 *
 * `lock`: holds the lock of DIR (a metadata directory), says so, and waits.
 * `set`: sets row after row, and flushes now and then. After each it says on stdout what it has acknowledged:
 * the index, in decimal, a line each. Stops by itself only when its parent is gone. */
import { writeSync } from "node:fs";
import { NodeClock } from "../../../engine/host/node-clock.js";
import { NodeRandom } from "../../../engine/host/node-random.js";
import { storageDirectories } from "../../../engine/storage/directories.js";
import { NodeDisk } from "../../../engine/storage/node-disk.js";
import { SmallScm } from "./small-scm.js";

const [mode, metadataDir] = process.argv.slice(2);
const disk = new NodeDisk();
const directories = storageDirectories({ metadataDir: metadataDir! });
process.on("disconnect", () => process.exit(1));
const lock = await disk.lock(directories.lock);
if (mode === "lock") say("locked");
else await set();

async function set(): Promise<void> {
  const random = new NodeRandom();
  const scm = await SmallScm.start(disk, directories, new NodeClock());
  for (;;) {
    const index = scm.log.last.index + 1;
    scm.set(index % 256, valueAt(index));
    say(String(index));
    scm.log.markWhenDue();
    if (random.below(20) === 0) scm.flush(random.below(4) === 0);
    if (random.below(8) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What entry `index` writes: a kilobyte now and then, so that batches differ in size. */
function valueAt(index: number): string {
  return `value ${index} `.repeat(index % 16 === 0 ? 80 : 1);
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

// The lock lives as long as this process.
process.on("exit", () => void lock);
