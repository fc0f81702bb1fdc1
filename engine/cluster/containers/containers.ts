import type { ContainerRecord } from "../../../protocol/schema/records.js";
import { STRIPE_ROWS } from "../../../workers/shared/container-layout.js";
import type { ContainerState, ReplicationType } from "../../core/enums.js";
import { CONTAINER_STATE } from "../../core/enums.js";
import { enumName } from "../enum-name.js";
import type { RowFilter } from "./container-counts.js";
import type { StateStep } from "./container-stripe.js";
import { ContainerTable } from "./container-table.js";
import type { Dictionary } from "./dictionary.js";
import { ownerDictionary, replicationDictionary } from "./dictionary.js";
import { OpenContainers } from "./open-containers.js";
import { printReplication, type ReplicationConfig } from "./replication-config.js";

/** Rows that a list looks at in one call, existing or not: a millisecond. */
export const LIST_ROWS_MAX = 2 * STRIPE_ROWS;

export interface ContainerFilter {
  readonly state?: ContainerState | undefined;
  /** This very configuration. */
  readonly replication?: ReplicationConfig | undefined;
  readonly replicationType?: ReplicationType | undefined;
  /** Number of nodes; does not match EC. */
  readonly replicationFactor?: number | undefined;
  readonly suppressed?: boolean | undefined;
}

interface Page {
  /** Where the next page starts, 0 = there is nothing more. A page may be empty and still not be the last
   * one, because the work of a call is bounded. */
  readonly nextContainerId: number;
}

export interface ContainerPage extends Page {
  readonly containers: readonly ContainerRecord[];
  /** Matches from the start id on, undefined where only a scan could tell. */
  readonly matchCount: number | undefined;
}

export interface ContainerIdPage extends Page {
  readonly containerIds: readonly number[];
}

export interface ContainerCountsByState {
  readonly total: number;
  readonly byState: Readonly<Record<ContainerState, number>>;
  readonly suppressed: number;
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
  readonly open = new OpenContainers();
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
    if (record.state === "OPEN" && record.pipelineId !== undefined) {
      this.open.attach(record.pipelineId, record.containerId);
    }
    this.#options.onContainerChanged(record.containerId);
  }

  /** Moves an existing container on. */
  enterState(id: number, step: StateStep): void {
    if (this.table.state(id) === CONTAINER_STATE.OPEN) this.#detach(id);
    this.table.enterState(id, step);
    this.#options.onContainerChanged(id);
  }

  raiseSequenceId(id: number, sequenceId: number): void {
    this.table.raiseSequenceId(id, sequenceId);
    this.#options.onContainerChanged(id);
  }

  /** A page by id from `startId` on, inclusive (spec 02 §14, §15.1); at most `countMax` ≥ 1 containers. */
  list(startId: number, filter: ContainerFilter, countMax: number): ContainerPage {
    const rows = this.#rowFilter(filter);
    const page = this.#page(startId, rows, countMax);
    const containers = page.containerIds.map((id) => this.get(id) as ContainerRecord);
    const isAll = page.nextContainerId === 0;
    const matchCount = isAll ? containers.length : this.table.countFrom(startId, rows);
    return { containers, nextContainerId: page.nextContainerId, matchCount };
  }

  /** The same of ids alone. */
  listIds(startId: number, state: ContainerState | undefined, countMax: number): ContainerIdPage {
    return this.#page(startId, this.#rowFilter({ state }), countMax);
  }

  counts(): ContainerCountsByState {
    const { counts } = this.table;
    const entries = Object.entries(CONTAINER_STATE).map(([name, number]) => [name, counts.inState(number)]);
    const byState = Object.fromEntries(entries) as Record<ContainerState, number>;
    return { total: counts.total, byState, suppressed: counts.suppressed };
  }

  /** Before all are loaded anew; `table.clearStep` clears the rows. */
  beginReload(): void {
    this.table.beginReload();
    this.open.clear();
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
    this.#attachOpen(this.open);
    for (const [number, config] of this.replications.rows.entries()) {
      this.#options.onReplicationConfig(number, config);
    }
  }

  /** What is wrong, undefined when nothing is. O(n). */
  problem(): string | undefined {
    if (!this.owners.rows.rehash().equals(this.owners.rows.hash)) return "hash of owners";
    if (!this.replications.rows.rehash().equals(this.replications.rows.hash)) return "hash of configurations";
    return this.table.problem() ?? this.#danglingNumber() ?? this.#openProblem();
  }

  /** Nothing becomes open again. */
  #detach(id: number): void {
    const { pipelineId } = this.table.read(id);
    if (pipelineId !== undefined) this.open.detach(pipelineId, id);
  }

  #attachOpen(open: OpenContainers): void {
    const filter = { state: CONTAINER_STATE.OPEN, suppressed: undefined, replications: undefined };
    this.table.scan(1, filter, Number.POSITIVE_INFINITY, (id) => {
      const { pipelineId } = this.table.read(id);
      if (pipelineId !== undefined) open.attach(pipelineId, id);
      return true;
    });
  }

  #openProblem(): string | undefined {
    const fresh = new OpenContainers();
    this.#attachOpen(fresh);
    return this.open.equals(fresh) ? undefined : "open containers of pipelines";
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

  #page(startId: number, filter: RowFilter, countMax: number): ContainerIdPage {
    const containerIds: number[] = [];
    const nextContainerId = this.table.scan(startId, filter, LIST_ROWS_MAX, (id) => {
      if (containerIds.length === countMax) return false;
      containerIds.push(id);
      return true;
    });
    return { containerIds, nextContainerId };
  }

  #rowFilter(filter: ContainerFilter): RowFilter {
    const { state, suppressed } = filter;
    const replications = this.#replicationsOf(filter);
    return { state: state === undefined ? 0 : CONTAINER_STATE[state], suppressed, replications };
  }

  /** Undefined when all containers have a configuration that fits. */
  #replicationsOf(filter: ContainerFilter): Uint8Array | undefined {
    const isWantedAt = new Uint8Array(this.replications.size + 1);
    let count = 0;
    for (let number = 1; number <= this.replications.size; number++) {
      if (!isWanted(this.replications.valueOf(number), filter)) continue;
      isWantedAt[number] = 1;
      count += this.table.countWithReplication(number);
    }
    return count === this.table.count ? undefined : isWantedAt;
  }
}

function isWanted(
  config: ReplicationConfig,
  { replication, replicationType, replicationFactor }: ContainerFilter,
): boolean {
  if (replication !== undefined && printReplication(config) !== printReplication(replication)) return false;
  if (replicationType !== undefined && config.type !== replicationType) return false;
  return replicationFactor === undefined || (config.type !== "EC" && config.factor === replicationFactor);
}
