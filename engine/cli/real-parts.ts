import type { Parts } from "./parts.js";

/** The real parts. Each is loaded by the command that needs it: `strata --help` starts no native module. */
export const realParts: Parts = {
  startScm: async (options) => {
    const { startScm } = await import("../scm-process.js");
    return startScm(options);
  },
  initialize: async (config, options, onNotice) => {
    const { initializeScm } = await import("../scm-storage.js");
    return initializeScm(config, options, onNotice);
  },
  verify: async (directories, onStep) => {
    const { verifyScm } = await import("../scm-storage.js");
    return verifyScm(directories, onStep);
  },
  connectAdmin: async ({ endpoint, timeoutMs, clientName }) => {
    const { createAdminClient } = await import("../../protocol/client/index.js");
    const url = `ws://${endpoint.host}:${endpoint.port}`;
    return createAdminClient({ endpoints: [url], clientName, timeoutMs });
  },
  runDemo: async (options, io) => {
    const { runDemo } = await import("./demo/demo-run.js");
    return runDemo(options, io);
  },
};
