import { NodeRandom } from "../../../../engine/host/node-random.js";
import { randomContract } from "../../../support/contracts/random-contract.js";

randomContract("of the system", () => new NodeRandom());
