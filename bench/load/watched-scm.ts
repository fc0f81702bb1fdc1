import { main } from "../../engine/cli/main.js";
import { realParts } from "../../engine/cli/real-parts.js";
import type { Scm } from "../../engine/scm.js";
import { startScm } from "../../engine/scm-process.js";
import { TurnWatch, type WatchedTurns } from "../harness/turn-watch.js";

/** The strata binary, whose main thread measures its own turns: "begin" starts that, "end" tells what came of
 * it, and each message, "look" too, is answered with how far the full reports are. */

export type WatchOrder = "begin" | "look" | "end";

interface WatchMessage {
  readonly order: WatchOrder;
}

export interface WatchReply {
  /** Full reports merged as a whole, and given up. */
  readonly reportCount: number;
  readonly droppedCount: number;
  readonly turns: WatchedTurns | undefined;
}

const watch = new TurnWatch();

function obey({ intake }: Scm, order: WatchOrder): WatchReply {
  if (order === "begin") watch.begin();
  const turns = order === "end" ? watch.end() : undefined;
  return { reportCount: intake.counters.completed, droppedCount: intake.counters.dropped, turns };
}

process.on("disconnect", () => process.exit(1));
await main({
  ...realParts,
  startScm: async (options) => {
    const running = await startScm(options);
    process.on("message", (message) => process.send?.(obey(running.scm, (message as WatchMessage).order)));
    return running;
  },
});
