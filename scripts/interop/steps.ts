import type { Step } from "./step.js";
import { COMMANDS } from "./steps-commands.js";
import { ERASURE_CODED, REPLICATED, RESTART_DATANODES, RESTART_SCM } from "./steps-data.js";
import { DELETION } from "./steps-deletion.js";
import { GROUP, KILL_LEADER } from "./steps-group.js";
import { DATANODE, KEYS, MANAGER, PIPELINE, SAFE_MODE } from "./steps-single.js";
import { BENCHMARKS, SIMULATED } from "./steps-vapor.js";
import { HANDSHAKE, WIRE_ERRORS } from "./steps-wire.js";

/** In the order in which they run: those that share an SCM follow each other. */
export const STEPS: readonly Step[] = [
  HANDSHAKE,
  WIRE_ERRORS,
  SAFE_MODE,
  DATANODE,
  PIPELINE,
  MANAGER,
  KEYS,
  COMMANDS,
  REPLICATED,
  ERASURE_CODED,
  RESTART_SCM,
  RESTART_DATANODES,
  GROUP,
  KILL_LEADER,
  BENCHMARKS,
  SIMULATED,
];

/** Steps 1 to 8, whose frames are recorded: they share one SCM, with the keys of all of them. */
export const RECORDED_STEPS: readonly Step[] = [
  SAFE_MODE,
  DATANODE,
  PIPELINE,
  MANAGER,
  KEYS,
  COMMANDS,
  DELETION,
].map((step) => ({ ...step, keys: { ...DELETION.keys } }));
