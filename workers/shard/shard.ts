import { assert } from "../../engine/core/assert.js";
import type { ChannelSender } from "../../engine/core/shared-channel.js";
import {
  ROW_BYTES_WITH_CHECKSUM,
  ROW_CHECKSUM,
  ROW_ID,
  ROW_KEY_COUNT,
  ROW_ORIGIN,
  ROW_SEQUENCE_ID,
  ROW_USED_BYTES,
} from "../../protocol/codec/report-rows.js";
import {
  HOLDER_WORDS_MAX,
  HOLDERS_BYTES_MAX,
  type HolderQuery,
  readHolderQuery,
  sendHolders,
} from "../shared/holder-records.js";
import { REPLICA_COUNT_MAX } from "../shared/replica-layout.js";
import type { RecheckMessage, ShardStartData, StripeMessage } from "../shared/shard-layout.js";
import {
  NODE_IDS_COUNT_MAX,
  NODE_IDS_HEADER_BYTES,
  REPLICAS_HEADER_BYTES,
  type ReplicaQuery,
  type RowsHeader,
  readContainersChanged,
  readNodeQuery,
  readPurge,
  readQuery,
  readRowsHeader,
  reserveReplicas,
  SHARD_RECORD,
  sendMerged,
  sendNodeIds,
  sendReportWanted,
} from "../shared/shard-records.js";
import type { WorkerContext, WorkerLoop } from "../shared/worker-link.js";
import { ReplicaMerger } from "./replica-merger.js";
import type { ReplicaWords } from "./replica-table.js";
import { ShardCounters } from "./shard-counters.js";

/** Records of one `poll`; between polls the thread may turn its event loop. */
const RECORDS_PER_POLL = 64;
const HOLDERS_OF_ONE_MAX = 1 + REPLICA_COUNT_MAX;

/** Owner of the replicas of every container whose stripe is `number % shardCount`: merges reports, answers
 * queries. */
export class Shard implements WorkerLoop {
  readonly #context: WorkerContext;
  readonly #data: ShardStartData;
  readonly #merger: ReplicaMerger;
  readonly #counters: ShardCounters;
  readonly #memory: { numbers: Float64Array; words: Int32Array };
  readonly #holderWords = new Uint32Array(HOLDER_WORDS_MAX);
  readonly #header: RowsHeader = { ticket: 0, fromId: 0, toId: 0, rowCount: 0, node: 0, rowBytes: 0 };
  /** What found no room in the channel; each says whether it has found some. While there is any, no record
   * is taken: memory stays bounded. */
  readonly #held: (() => boolean)[] = [];

  constructor(context: WorkerContext) {
    const { bytes } = context.receiver;
    assert(
      new Uint8Array(new Uint16Array([1]).buffer)[0] === 1,
      "rows are read in place: needs little-endian",
    );
    assert(bytes.byteOffset % 8 === 0, "the channel's memory is not 8-aligned");
    const { sender } = context;
    const replicasBytes = REPLICAS_HEADER_BYTES + REPLICA_COUNT_MAX * ROW_BYTES_WITH_CHECKSUM;
    const answerBytes = Math.max(
      replicasBytes,
      NODE_IDS_HEADER_BYTES + NODE_IDS_COUNT_MAX * 8,
      HOLDERS_BYTES_MAX,
    );
    assert(sender.payloadBytesMax >= answerBytes, "the channel to main is too small for a query's answer");
    this.#context = context;
    this.#data = context.data as ShardStartData;
    this.#counters = new ShardCounters(this.#data.statistics, this.#data.nodeCounts);
    this.#merger = new ReplicaMerger({ data: this.#data, counters: this.#counters, sender });
    this.#memory = {
      numbers: new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 3),
      words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2),
    };
  }

  async start(): Promise<void> {}

  poll(): boolean {
    let messageCount = 0;
    for (let message = this.#context.receiveMessage(); message !== undefined; messageCount++) {
      this.#onMessage(message as StripeMessage | RecheckMessage);
      message = this.#context.receiveMessage();
    }
    if (!this.#sendHeld()) return false;
    const recordCount = this.#context.receiver.drain(this.#onRecord, RECORDS_PER_POLL);
    const hasRechecked = this.#merger.recheckStep();
    if (messageCount + recordCount > 0 || hasRechecked) this.#merger.show();
    return hasRechecked || recordCount > 0;
  }

  async stop(): Promise<void> {}

  /** O(rows); for tests and the simulator. */
  checkInvariants(): void {
    this.#merger.checkInvariants();
  }

  readonly #onRecord = (kind: number, offset: number): void => {
    const { receiver } = this.#context;
    const header = this.#header;
    switch (kind) {
      case SHARD_RECORD.REPORT_CHUNK: {
        const rows = readRowsHeader(receiver, offset, header);
        this.#merger.mergeChunk(header, this.#memory, rows);
        const { ticket } = header;
        if (ticket !== 0) this.#sendOrHold(() => sendMerged(this.#context.sender, ticket));
        return;
      }
      case SHARD_RECORD.INCREMENTAL: {
        const rows = readRowsHeader(receiver, offset, header);
        this.#merger.applyIncremental(header, this.#memory, rows);
        return;
      }
      case SHARD_RECORD.PURGE_NODE:
        this.#merger.purgeNode(readPurge(receiver, offset));
        return;
      case SHARD_RECORD.CONTAINERS_CHANGED:
        readContainersChanged(receiver, offset, this.#onContainerChanged);
        return;
      case SHARD_RECORD.QUERY_REPLICAS: {
        const query = { ticket: 0, containerId: 0 };
        readQuery(receiver, offset, query);
        this.#sendOrHold(() => this.#answerQuery(query));
        return;
      }
      case SHARD_RECORD.QUERY_HOLDERS: {
        const query = readHolderQuery(receiver, offset);
        let done = 0;
        this.#sendOrHold(() => {
          while (done < query.ids.length) {
            const next = this.#sendHolders(query, done);
            if (next === done) return false;
            done = next;
          }
          return true;
        });
        return;
      }
      case SHARD_RECORD.QUERY_NODE: {
        const query = readNodeQuery(receiver, offset);
        assert(query.countMax <= NODE_IDS_COUNT_MAX, "more ids asked for than an answer holds");
        this.#sendOrHold(() => sendNodeIds(this.#context.sender, query.ticket, this.#merger.nodeIds(query)));
        return;
      }
      default:
        assert(false, `the shard got a record of kind ${kind}`);
    }
  };

  readonly #onContainerChanged = (id: number): void => this.#merger.containerChanged(id);

  #onMessage(message: StripeMessage | RecheckMessage): void {
    if (message.kind === "recheck") this.#merger.beginRecheck();
    else this.#addStripe(message);
  }

  #addStripe(message: StripeMessage): void {
    assert(
      message.stripe % this.#data.shardCount === this.#data.shard,
      `stripe ${message.stripe} belongs elsewhere`,
    );
    this.#merger.addStripe(message, (node) => {
      this.#counters.reportsWantedCount++;
      this.#sendOrHold(() => sendReportWanted(this.#context.sender, node));
    });
  }

  #sendOrHold(send: () => boolean): void {
    if (this.#held.length > 0 || !send()) this.#held.push(send);
  }

  /** False when the channel has no room. */
  #answerQuery({ ticket, containerId }: ReplicaQuery): boolean {
    const { sender } = this.#context;
    let rowCount = 0;
    this.#merger.visitReplicas(containerId, () => {
      if (rowCount < REPLICA_COUNT_MAX) rowCount++;
    });
    const header = { ticket, rowCount, live: this.#merger.liveUsage(containerId) };
    let offset = reserveReplicas(sender, header, ROW_BYTES_WITH_CHECKSUM);
    if (offset < 0) return false;
    const end = offset + rowCount * ROW_BYTES_WITH_CHECKSUM;
    this.#merger.visitReplicas(containerId, (values) => {
      if (offset < end) writeReplica(sender, offset, values);
      offset += ROW_BYTES_WITH_CHECKSUM;
    });
    sender.commit();
    return true;
  }

  /** Tells of the containers of the query from `from` on, as many as fit a record. Returns which comes next:
   * the same one when the channel has no room. */
  #sendHolders({ ticket, ids }: HolderQuery, from: number): number {
    const words = this.#holderWords;
    let next = from;
    let wordCount = 0;
    while (next < ids.length && wordCount + HOLDERS_OF_ONE_MAX <= HOLDER_WORDS_MAX) {
      wordCount = this.#merger.copyHolders(ids[next++] as number, words, wordCount);
    }
    return sendHolders(this.#context.sender, ticket, words, wordCount) ? next : from;
  }

  #sendHeld(): boolean {
    while (this.#held.length > 0) {
      if (this.#held[0]?.() !== true) return false;
      this.#held.shift();
    }
    return true;
  }
}

/** A replica as a report row with the node's slot in the place of the id. */
function writeReplica({ view }: ChannelSender, offset: number, values: Readonly<ReplicaWords>): void {
  view.setFloat64(offset + ROW_ID, values.node, true);
  view.setFloat64(offset + ROW_USED_BYTES, values.usedBytes, true);
  view.setFloat64(offset + ROW_SEQUENCE_ID, values.sequenceId, true);
  view.setInt32(offset + ROW_KEY_COUNT, values.keyCount, true);
  view.setInt32(offset + ROW_ORIGIN, values.identity, true);
  view.setInt32(offset + ROW_CHECKSUM, values.checksumLow, true);
  view.setInt32(offset + ROW_CHECKSUM + 4, values.checksumHigh, true);
}
