import { NodeClock } from "../../engine/host/node-clock.js";
import { NodeDisk } from "../../engine/storage/node-disk.js";
import { runWorker } from "../shared/run-worker.js";
import { LogWriter } from "./log-writer.js";

export default runWorker((context) => new LogWriter(context, new NodeDisk(), new NodeClock()));
