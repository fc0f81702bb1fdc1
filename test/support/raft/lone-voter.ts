import { nodeId } from "../../../engine/raft/types.js";
import { makeConfState } from "./make-message.js";

/** The only voter of its group. */
export const LONE_ID = nodeId(1);
export const LONE_CONF_STATE = makeConfState({ voters: [LONE_ID] });
