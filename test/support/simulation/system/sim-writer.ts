import type { PipelineGroups } from "../../../../bench/fleet/pipeline-groups.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Timer } from "../../../../engine/core/scheduler.js";
import { AdminClient } from "../../../../protocol/client/admin-client.js";
import type { RequestOf } from "../../../../protocol/schema/messages.js";
import type { PipelineRecord, ReplicationRecord } from "../../../../protocol/schema/records.js";
import type { SimWorld } from "../sim-world.js";
import type { AllocatedBlocks, BlockChecks } from "./block-checks.js";
import { pick, type SimOptions } from "./options.js";
import { EC_3_2, RATIS_ONE, RATIS_THREE } from "./plan.js";
import type { SimDatanode } from "./sim-datanode.js";
import type { SimGroup } from "./sim-group.js";
import type { SimTrace } from "./trace.js";

/** Requests that one writer has open at a time. */
const OPEN_MAX = 16;
const COUNT_MAX = 12;
/** A container of 5 GB holds a few, so that many are opened and closed. */
const BLOCK_BYTES = [256 * 1024 ** 2, 1024 ** 3, 1024 ** 3, 3 * 1024 ** 3] as const;
const OWNERS = ["om1", "om1", "om2"] as const;
/** From a block's allocation to its being written. */
const WRITE_MS_MAX = 2_000;

export interface SimWriterParts {
  readonly world: SimWorld;
  readonly options: SimOptions;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  readonly number: number;
  readonly group: SimGroup;
  readonly groups: PipelineGroups;
  readonly datanodes: readonly SimDatanode[];
  readonly checks: BlockChecks;
}

/** Someone who asks for blocks and writes most of them, through all that happens to connections, datanodes
 * and SCMs. */
export class SimWriter {
  readonly #parts: SimWriterParts;
  readonly #name: string;
  readonly #client: AdminClient;
  #openCount = 0;
  #unwrittenCount = 0;
  #timer: Timer | undefined;
  readonly counters = { blocks: 0, refusals: 0, written: 0 };

  constructor(parts: SimWriterParts) {
    const { world, random, number, group } = parts;
    this.#parts = parts;
    this.#name = `writer${number}`;
    this.#client = new AdminClient(
      {
        clock: world.clock,
        scheduler: world.scheduler,
        random: random.stream("client"),
        network: world.network.network(`10.201.0.${number + 1}`),
      },
      {
        endpoints: group.endpoints,
        clientName: this.#name,
        handshakeTimeoutMs: 3_000,
        timeoutMs: 20_000,
        attemptTimeoutMs: 6_000,
        backoff: { initialMs: 50, maximumMs: 2_000 },
      },
    );
  }

  /** Requests without an answer, and blocks that are still to be written. */
  get openCount(): number {
    return this.#openCount + this.#unwrittenCount;
  }

  work(): void {
    const { world, options, random } = this.#parts;
    if (options.blockRate === 0) return;
    const again = (): void => {
      const delayMs = (-Math.log(1 - random.fraction()) / options.blockRate) * 1000;
      this.#timer = world.scheduler.after(delayMs, () => {
        again();
        if (this.#openCount < OPEN_MAX) this.#allocate();
      });
    };
    again();
  }

  rest(): void {
    this.#timer?.cancel();
  }

  close(): void {
    this.rest();
    this.#client.close();
  }

  #allocate(): void {
    const { random, trace, checks } = this.#parts;
    const request = this.#request();
    this.#openCount++;
    this.#client.read("allocateBlocks", request, {
      succeeded: (answer) => {
        this.#openCount--;
        const ids = answer.blocks.map(({ containerId, localId }) => `${containerId}/${localId}`);
        trace.line(this.#name, `got ${ids.join(" ")}`);
        checks.allocated(answer, request);
        this.counters.blocks += answer.blocks.length;
        if (random.below(8) > 0) this.#writeLater(answer, request.size);
      },
      failed: (error) => {
        this.#openCount--;
        this.counters.refusals++;
        trace.line(this.#name, `${request.count} blocks: ${error.code} ${error.message}`);
      },
    });
  }

  #request(): RequestOf<"allocateBlocks"> {
    const { random, datanodes } = this.#parts;
    const excluded = {
      datanodes: random.below(2) === 0 ? [pick(random, datanodes).uuid] : [],
      containerIds: [],
      pipelineIds: [],
    };
    return {
      size: pick(random, BLOCK_BYTES),
      count: 1 + random.below(COUNT_MAX),
      replication: this.#replication(),
      owner: pick(random, OWNERS),
      ...(random.below(4) === 0 ? { excluded } : {}),
      ...(random.below(3) === 0 ? { client: pick(random, datanodes).host } : {}),
    };
  }

  #replication(): ReplicationRecord {
    const { random } = this.#parts;
    const dice = random.below(10);
    if (dice < 7) return RATIS_THREE;
    return dice < 9 ? RATIS_ONE : EC_3_2;
  }

  #writeLater({ blocks, pipelines }: AllocatedBlocks, bytes: number): void {
    const { world, random } = this.#parts;
    for (const { containerId, pipeline: index } of blocks) {
      const pipeline = pipelines[index] as PipelineRecord;
      this.#unwrittenCount++;
      world.scheduler.after(random.below(WRITE_MS_MAX), () => {
        this.#unwrittenCount--;
        this.#write(containerId, pipeline, bytes);
      });
    }
  }

  #write(containerId: number, pipeline: PipelineRecord, bytes: number): void {
    const { groups, datanodes } = this.#parts;
    const { pipelineId, replication, members } = pipeline;
    if (replication.type === "RATIS") {
      if (groups.write(pipelineId, containerId, bytes) === "written") this.counters.written++;
      return;
    }
    const partBytes = Math.ceil(bytes / replication.ecData);
    for (const { details, replicaIndex } of members) {
      const datanode = datanodes.find(({ uuid }) => uuid === details.uuid);
      if (datanode?.isUp === true) datanode.model.writePart(containerId, replicaIndex, partBytes);
    }
    this.counters.written++;
  }
}

/** As many as the options say. */
export function writersOf(
  parts: Omit<SimWriterParts, "number" | "random">,
  random: SeededRandom,
): SimWriter[] {
  return Array.from({ length: parts.options.writerCount }, (_, number) => {
    return new SimWriter({ ...parts, number, random: random.stream(`${number}`) });
  });
}
