import { SHARD_STATISTICS, type ShardStatistic } from "../shared/shard-layout.js";

/** The shard's figures (meaning: SHARD_STATISTICS), counted in private memory and shown to main after each
 * record. */
export class ShardCounters implements Record<ShardStatistic, number> {
  replicaCount = 0;
  unknownReplicaCount = 0;
  sideReplicaCount = 0;
  overflowBlockCount = 0;
  rowCount = 0;
  addedCount = 0;
  updatedCount = 0;
  vanishedCount = 0;
  rejectedCount = 0;
  reportCount = 0;
  listBytes = 0;
  recheckedCount = 0;
  decisionCount = 0;
  staleCount = 0;
  unknownRowCount = 0;
  recheckDueCount = 0;
  reportsWantedCount = 0;

  readonly #shown: Float64Array;
  readonly #nodeCounts: Uint32Array;

  constructor(statistics: SharedArrayBuffer, nodeCounts: SharedArrayBuffer) {
    this.#shown = new Float64Array(statistics);
    this.#nodeCounts = new Uint32Array(nodeCounts);
  }

  show(): void {
    for (const name of NAMES) this.#shown[SHARD_STATISTICS.fields[name].offset / 8] = this[name];
  }

  showNode(node: number, idCount: number): void {
    this.#nodeCounts[node] = idCount;
  }
}

const NAMES = Object.keys(SHARD_STATISTICS.fields) as ShardStatistic[];
