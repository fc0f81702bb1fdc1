import { formatAddress } from "../config/values.js";
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
  bootstrap: async (config, clusterId, listener) => {
    const { bootstrapScm } = await import("../scm-storage.js");
    return bootstrapScm(config, clusterId, listener);
  },
  forceNewGroup: async (config, options, listener) => {
    const { forceNewGroupOfScm } = await import("../scm-storage.js");
    return forceNewGroupOfScm(config, options, listener);
  },
  verify: async (directories, onStep) => {
    const { verifyScm } = await import("../scm-storage.js");
    return verifyScm(directories, onStep);
  },
  connectAdmin: async ({ endpoints, timeoutMs, clientName }) => {
    const { createAdminClient } = await import("../../protocol/client/index.js");
    const urls = endpoints.map((endpoint) => `ws://${formatAddress(endpoint)}`);
    return createAdminClient({ endpoints: urls, clientName, timeoutMs });
  },
  runDemo: async (options, io) => {
    const { runDemo } = await import("./demo/demo-run.js");
    return runDemo(options, io);
  },
};
