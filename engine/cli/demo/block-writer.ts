import type { FleetRunner, RoutedWrite } from "../../../bench/fleet/fleet-runner.js";
import { Histogram } from "../../../bench/harness/histogram.js";
import { type AdminClient, codeOf, type RequestOf } from "../../../protocol/client/index.js";
import { ratis } from "../../cluster/containers/replication-config.js";

const STEP_MS = 100;
/** About what a datanode with a network of 25 Gbit/s takes: nine replicas of 256 MB. */
const BLOCKS_PER_NODE_PER_SECOND = 3;
/** `ozone.scm.block.size`. */
const BLOCK_BYTES = 256 * 1024 * 1024;
const REQUEST: Omit<RequestOf<"allocateBlocks">, "count"> = {
  size: BLOCK_BYTES,
  replication: ratis(3),
  owner: "demo",
  allowLess: true,
};

/** A client that asks for blocks at a steady rate, and writes each into the datanodes of its pipeline. */
export class BlockWriter {
  /** Of each request, to its answer. */
  readonly allocationUs = new Histogram();
  allocatedCount = 0;
  /** Asked for, and not got. */
  failedCount = 0;
  /** Of the last failure; empty after a success. */
  trouble = "";
  readonly #client: AdminClient;
  readonly #fleet: FleetRunner;
  readonly #blocksPerStep: number;
  /** Blocks that are due, with what is left of one. */
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #underWay = new Set<Promise<void>>();

  constructor(client: AdminClient, fleet: FleetRunner, nodeCount: number) {
    this.#client = client;
    this.#fleet = fleet;
    this.#blocksPerStep = (nodeCount * BLOCKS_PER_NODE_PER_SECOND * STEP_MS) / 1000;
  }

  start(): void {
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  #step(): void {
    this.#due += this.#blocksPerStep;
    const count = Math.floor(this.#due);
    this.#due -= count;
    // One at a time while there is trouble: requests wait for a pipeline up to a minute.
    if (count === 0 || (this.#underWay.size > 0 && this.trouble !== "")) return;
    const request = this.#allocate(count).finally(() => this.#underWay.delete(request));
    this.#underWay.add(request);
  }

  async #allocate(count: number): Promise<void> {
    const startedMs = performance.now();
    try {
      const { blocks, pipelines } = await this.#client.allocateBlocks({ ...REQUEST, count });
      this.allocationUs.record((performance.now() - startedMs) * 1000);
      this.allocatedCount += blocks.length;
      this.failedCount += count - blocks.length;
      this.trouble = "";
      this.#fleet.write(
        blocks.flatMap(({ containerId, pipeline: index }): RoutedWrite[] => {
          const pipeline = pipelines[index];
          const leader = pipeline?.leaderId ?? pipeline?.members[0]?.details.uuid;
          if (pipeline === undefined || leader === undefined) return [];
          return [{ pipelineId: pipeline.pipelineId, containerId, bytes: BLOCK_BYTES, leader }];
        }),
      );
    } catch (error) {
      this.failedCount += count;
      this.trouble = codeOf(error) ?? String(error);
    }
  }
}
