import { ERRORS } from "../../engine/core/errors.js";
import { RemoteError } from "../../protocol/codec/errors.js";
import type { CallerConnection } from "./main-connections.js";

/** For what the front answers itself, though only a leader may.
 * @throws RemoteError NOT_LEADER with who leads */
export async function requireLeader(main: CallerConnection): Promise<void> {
  const { isLeader, term, leaderHint, members } = await main.ask<"findLeader">("findLeader", {});
  if (isLeader) return;
  throw new RemoteError({
    code: ERRORS.NOT_LEADER.wire,
    name: "NOT_LEADER",
    message: `this SCM is not the leader of term ${term}`,
    retryAfterMs: 0,
    term,
    ...(leaderHint === undefined ? {} : { leaderHint }),
    ...(members === undefined ? {} : { members }),
  });
}
