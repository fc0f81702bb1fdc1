import type { DatanodeDetails, ReplicaRecord } from "../../../protocol/schema/records.js";
import type { ContainerId } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { codeOf } from "../exit-code.js";
import type { AdminConnection } from "../parts.js";

/** Those of the datanodes that hold replicas which the SCM knows: after its restart some have not registered
 * again. */
export type Holders = ReadonlyMap<Uuid, DatanodeDetails>;

/** Asks for the details of datanodes, once for each in a run: thousands of containers lie on the same few. */
export class HolderDetails {
  readonly #connection: AdminConnection;
  readonly #known = new Map<Uuid, DatanodeDetails>();
  readonly #asked = new Set<Uuid>();

  constructor(connection: AdminConnection) {
    this.#connection = connection;
  }

  /** Those that hold these replicas, among others. */
  async fetch(replicas: readonly ReplicaRecord[]): Promise<Holders> {
    for (const { datanode: uuid } of replicas) {
      if (this.#asked.has(uuid)) continue;
      this.#asked.add(uuid);
      try {
        this.#known.set(uuid, (await this.#connection.getNode({ uuid })).node.details);
      } catch (error) {
        if (codeOf(error) !== "NO_SUCH_DATANODE") throw error;
      }
    }
    return this.#known;
  }
}

/** Runs `task` for each id in turn, one after the other. What the SCM refuses is told to `onRefused`, and the
 * others go on; any other error ends it. */
export async function forEachContainer(
  ids: readonly ContainerId[],
  task: (id: ContainerId) => Promise<void>,
  onRefused: (error: unknown) => void,
): Promise<void> {
  for (const id of ids) {
    try {
      await task(id);
    } catch (error) {
      if (!REFUSALS.has(codeOf(error) ?? "")) throw error;
      onRefused(error);
    }
  }
}

const REFUSALS: ReadonlySet<string> = new Set([
  "CONTAINER_NOT_FOUND",
  "CONTAINER_STATE",
  "CONTAINER_INELIGIBLE",
]);
