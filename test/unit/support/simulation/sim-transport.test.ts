import { transportContract } from "../../../integration/gateway/transport-contract.js";
import { SimWorld } from "../../../support/simulation/sim-world.js";

const HOST = "10.0.0.1";

transportContract("sim", () => {
  const { scheduler, network } = new SimWorld(1);
  return {
    transport: network.transport(HOST),
    network: network.network("10.0.0.2"),
    host: HOST,
    until: (condition, what) => scheduler.runUntil(what, condition),
    settle: (promise) => scheduler.settle(promise),
    close: async () => {},
  };
});
