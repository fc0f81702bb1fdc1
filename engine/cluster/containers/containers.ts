import type { ContainerRecord } from "../../../protocol/schema/records.js";
import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import type { ContainerState, ReplicationType } from "../../core/enums.js";
import { CONTAINER_STATE } from "../../core/enums.js";
import { enumName } from "../enum-name.js";
import { ContainerTable, type StateStep } from "./container-table.js";
import type { Dictionary } from "./dictionary.js";
import { ownerDictionary, replicationDictionary } from "./dictionary.js";
import type { ReplicationConfig } from "./replication-config.js";

/** What `list` looks at in one call, existing or not: well under a millisecond. */
export const LIST_ROWS_MAX = STRIPE_ROWS;

export interface ContainerFilter {
  readonly state?: ContainerState | undefined;
  readonly replicationType?: ReplicationType | undefined;
  /** Number of nodes; does not match EC. */
  readonly replicationFactor?: number | undefined;
  readonly suppressed?: boolean | undefined;
}

export interface ContainerPage {
  readonly containers: readonly ContainerRecord[];
  /** Where the next page starts, 0 = there is nothing more. A page may be empty and still not be the last
   * one, because the work of a call is bounded. */
  readonly nextContainerId: number;
}

export interface ContainersOptions {
  allocateStripe(stripe: number): SharedArrayBuffer;
  onReplicationConfig(number: number, config: ReplicationConfig): void;
  onContainerChanged(id: number): void;
}

/** Containers with their dictionaries: numbers inside, records outside. */
export class Containers {
  readonly #options: ContainersOptions;
  readonly table: ContainerTable;
  readonly owners: Dictionary<string> = ownerDictionary();
  readonly replications: Dictionary<ReplicationConfig> = replicationDictionary();

  constructor(options: ContainersOptions) {
    this.#options = options;
    this.table = new ContainerTable((stripe) => options.allocateStripe(stripe));
  }

  /** The record of the wire, undefined when there is no such container. */
  get(id: number): ContainerRecord | undefined {
    if (this.table.state(id) === 0) return undefined;
    const fields = this.table.read(id);
    return {
      containerId: id,
      state: enumName(CONTAINER_STATE, fields.state),
      replication: this.replications.valueOf(fields.replication),
      ...(fields.pipelineId === undefined ? {} : { pipelineId: fields.pipelineId }),
      owner: this.owners.valueOf(fields.owner),
      usedBytes: fields.usedBytes,
      keyCount: fields.keyCount,
      sequenceId: fields.sequenceId,
      deleteTransactionId: fields.deleteTransactionId,
      stateEnterTimeMs: fields.stateEnterTimeMs,
      suppressed: fields.suppressed,
    };
  }

  /** Adds a container that was checked before. Dictionaries have room. */
  add(record: ContainerRecord): void {
    this.table.insert(record.containerId, {
      state: CONTAINER_STATE[record.state],
      suppressed: record.suppressed,
      replication: this.#replicationNumber(record.replication),
      owner: this.owners.add(record.owner),
      stateEnterTimeMs: record.stateEnterTimeMs,
      pipelineId: record.pipelineId,
      usedBytes: record.usedBytes,
      keyCount: record.keyCount,
      sequenceId: record.sequenceId,
      deleteTransactionId: record.deleteTransactionId,
    });
    this.#options.onContainerChanged(record.containerId);
  }

  /** Moves an existing container on. */
  enterState(id: number, step: StateStep): void {
    this.table.enterState(id, step);
    this.#options.onContainerChanged(id);
  }

  /** A page by id from `startId` on, inclusive (spec 02 §14); at most `countMax` ≥ 1 containers. */
  list(startId: number, filter: ContainerFilter, countMax: number): ContainerPage {
    const matches = this.#matcher(filter);
    const containers: ContainerRecord[] = [];
    const nextContainerId = this.table.scan(startId, LIST_ROWS_MAX, (id) => {
      if (!matches(id)) return true;
      if (containers.length === countMax) return false;
      containers.push(this.get(id) as ContainerRecord);
      return true;
    });
    return { containers, nextContainerId };
  }

  /** Before all are loaded anew; `table.clearStep` clears the rows. */
  beginReload(): void {
    this.table.beginReload();
    this.owners.clear();
    this.replications.clear();
  }

  /** At boot, after the last row. Throws RangeError when rows name what the dictionaries lack. */
  loaded(): void {
    this.table.loaded();
    this.owners.loaded();
    this.replications.loaded();
    const problem = this.#danglingNumber();
    if (problem !== undefined) throw new RangeError(problem);
    for (const [number, config] of this.replications.rows.entries()) {
      this.#options.onReplicationConfig(number, config);
    }
  }

  /** What is wrong, undefined when nothing is. O(n). */
  problem(): string | undefined {
    if (!this.owners.rows.rehash().equals(this.owners.rows.hash)) return "hash of owners";
    if (!this.replications.rows.rehash().equals(this.replications.rows.hash)) return "hash of configurations";
    return this.table.problem() ?? this.#danglingNumber();
  }

  #replicationNumber(config: ReplicationConfig): number {
    const known = this.replications.numberOf(config);
    if (known !== undefined) return known;
    const number = this.replications.add(config);
    this.#options.onReplicationConfig(number, config);
    return number;
  }

  #danglingNumber(): string | undefined {
    const owners = this.table.highestOwner();
    if (owners > this.owners.size) return `a container names owner ${owners}`;
    const configs = this.table.highestReplication();
    return configs > this.replications.size ? `a container names configuration ${configs}` : undefined;
  }

  #matcher(filter: ContainerFilter): (id: number) => boolean {
    const { state, replicationType, replicationFactor, suppressed } = filter;
    const wantedState = state === undefined ? 0 : CONTAINER_STATE[state];
    const isWantedConfig = [false];
    for (let number = 1; number <= this.replications.size; number++) {
      const config = this.replications.valueOf(number);
      const isType = replicationType === undefined || config.type === replicationType;
      const isFactor =
        replicationFactor === undefined || (config.type !== "EC" && config.factor === replicationFactor);
      isWantedConfig.push(isType && isFactor);
    }
    return (id) => {
      if (wantedState !== 0 && this.table.state(id) !== wantedState) return false;
      if (suppressed !== undefined && this.table.isSuppressed(id) !== suppressed) return false;
      return isWantedConfig[this.table.replication(id)] === true;
    };
  }
}
