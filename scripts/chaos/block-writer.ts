import { setTimeout as sleep } from "node:timers/promises";
import type { BlockWrite } from "../../bench/fleet/fleet.js";
import { ratis } from "../../engine/cluster/containers/replication-config.js";
import type { SeededRandom } from "../../engine/core/random.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { type AdminClient, codeOf, createAdminClient, type ResponseOf } from "../../protocol/client/index.js";
import { IssuedIds } from "../../test/support/issued-ids.js";
import { soon } from "../../test/support/wait.js";
import { Repetition } from "./repetition.js";

export interface BlockWriterOptions {
  readonly random: SeededRandom;
  /** Puts blocks into datanodes. */
  write(blocks: readonly BlockWrite[]): void;
  /** Where an answer is wrong by itself. */
  onProblem(error: unknown): void;
}

const PAUSE_MS_MAX = 20;
const COUNT_MAX = 64;
const ATTEMPT_TIMEOUT_MS = 500;
const TIMEOUT_MS = 10_000;
const BACKOFF = { initialMs: 10, maximumMs: 100 };
/** After all is well again. */
const BLOCK_LIMIT_MS = 30_000;
const OWNER = "chaos";
/** Containers of 5 GB are full after some hundred, and datanodes not within half an hour: 10,000 a round. */
const SIZE = 8 * 1024 ** 2;
const REPLICATION = ratis(3);

/** Asks for blocks through everything that happens to the SCMs, and writes them. No id may come twice, by
 * whichever leader, and every container that was named must be there in the end (S6). */
export class BlockWriter {
  readonly #options: BlockWriterOptions;
  readonly #client: AdminClient;
  readonly #asking = new Repetition();
  readonly #localIds = new IssuedIds("local id");
  readonly #pipelineOf = new Map<number, Uuid>();
  readonly #failures = new Map<string, number>();
  #checkedCount = 0;

  constructor(endpoints: readonly string[], options: BlockWriterOptions) {
    this.#options = options;
    this.#client = createAdminClient({
      endpoints,
      clientName: "chaos blocks",
      timeoutMs: TIMEOUT_MS,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      handshakeTimeoutMs: ATTEMPT_TIMEOUT_MS,
      backoff: BACKOFF,
    });
  }

  start(): void {
    const { random, onProblem } = this.#options;
    this.#asking.start(async () => {
      await this.#allocate().catch(onProblem);
      await sleep(random.below(PAUSE_MS_MAX));
    });
  }

  async stop(): Promise<void> {
    await this.#asking.stop();
  }

  close(): void {
    this.#client.close();
  }

  /** While the others stand still: blocks are to be had again, and each container is as it was named. Answers
   * with what there was in this round. */
  async check(): Promise<string> {
    const before = this.#localIds.count;
    const getsOne = async (): Promise<true | undefined> => {
      await this.#allocate();
      return this.#localIds.count > before ? true : undefined;
    };
    await soon("a block can be had", getsOne, BLOCK_LIMIT_MS);
    for (const [containerId, pipelineId] of this.#pipelineOf) {
      const { container } = await this.#client.getContainer({ containerId });
      if (container.pipelineId !== pipelineId || container.owner !== OWNER) {
        throw new Error(
          `container ${containerId} of ${OWNER} on ${pipelineId} is ${JSON.stringify(container)}`,
        );
      }
    }
    const count = this.#localIds.count - this.#checkedCount;
    this.#checkedCount = this.#localIds.count;
    const failures = [...this.#failures].map(([code, times]) => `${times} ${code}`).join(", ");
    this.#failures.clear();
    return `${count} blocks, ${this.#pipelineOf.size} containers${failures === "" ? "" : ` (${failures})`}`;
  }

  async #allocate(): Promise<void> {
    const count = 1 + this.#options.random.below(COUNT_MAX);
    const request = { size: SIZE, count, replication: REPLICATION, owner: OWNER, allowLess: true };
    let answer: ResponseOf<"allocateBlocks">;
    try {
      answer = await this.#client.allocateBlocks(request);
    } catch (error) {
      // Nothing was given, or nobody knows what.
      const code = codeOf(error);
      if (code === undefined) throw error;
      this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
      return;
    }
    this.#take(answer);
  }

  #take({ blocks, pipelines }: ResponseOf<"allocateBlocks">): void {
    const writes = blocks.map(({ containerId, localId, pipeline }): BlockWrite => {
      this.#localIds.give(localId);
      const pipelineId = pipelines[pipeline]?.pipelineId;
      if (pipelineId === undefined)
        throw new Error(`block ${localId} names pipeline ${pipeline}, which is none`);
      const known = this.#pipelineOf.get(containerId);
      if (known !== undefined && known !== pipelineId) {
        throw new Error(`container ${containerId} is on ${known} and on ${pipelineId}`);
      }
      this.#pipelineOf.set(containerId, pipelineId);
      return { pipelineId, containerId, bytes: SIZE };
    });
    this.#options.write(writes);
  }
}
