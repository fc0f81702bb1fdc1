import { NodeClock } from "../../engine/host/node-clock.js";
import { NodeDisk } from "../../engine/storage/node-disk.js";
import { runWorker } from "../shared/run-worker.js";
import { StateWriter } from "./state-writer.js";

export default runWorker((context) => new StateWriter(context, new NodeDisk(), new NodeClock()));
