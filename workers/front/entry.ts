import { NodeClock } from "../../engine/host/node-clock.js";
import { NodeRandom } from "../../engine/host/node-random.js";
import { NodeScheduler } from "../../engine/host/node-scheduler.js";
import { runEventedWorker } from "../shared/run-evented-worker.js";
import { Front } from "./front.js";

export default runEventedWorker(
  new NodeScheduler(),
  (context) => new Front(context, new NodeClock(), new NodeRandom()),
);
