import type { Environment } from "../../engine/core/environment.js";

/** What a client touches of the world. The same classes run on real sockets and in the simulator. */
export type ClientEnvironment = Pick<Environment, "clock" | "random" | "scheduler" | "network">;
