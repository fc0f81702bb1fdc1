import { socketWorld, transports } from "../../support/gateway/socket-world.js";
import { transportContract } from "./transport-contract.js";

for (const { name, make } of transports()) transportContract(name, () => socketWorld(make()));
