import { runWorker } from "../shared/run-worker.js";
import { SHARD_LAYOUTS } from "../shared/shard-layout.js";
import { Shard } from "./shard.js";

export default runWorker((context) => new Shard(context), SHARD_LAYOUTS);
