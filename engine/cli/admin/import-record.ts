/** One line of an import file to a record. `docs/IMPORT.md` describes the lines. */
import type {
  ContainerRecord,
  DatanodeDetails,
  PipelineRecord,
  ReplicationRecord,
} from "../../../protocol/schema/records.js";
import {
  CONTAINER_STATE,
  type ContainerState,
  PIPELINE_STATE,
  type PipelineState,
} from "../../core/enums.js";
import { isCount } from "../../core/ids.js";
import { parseUuid, type Uuid } from "../../core/uuid.js";
import { parseReplicationText } from "../replication-text.js";

export type ImportRecord =
  | { readonly kind: "pipeline"; readonly pipeline: PipelineRecord }
  | { readonly kind: "container"; readonly container: ContainerRecord };

/** What is wrong with a line. */
export class LineError extends Error {
  override readonly name = "LineError";
}

const MEMBER_COUNT_MAX = 64;
const PORT_MAX = 65_535;

/** @throws LineError */
export function parseImportLine(line: string): ImportRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new LineError(`no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const fields = new Fields(value, "");
  const type = fields.text("type");
  if (type === "container") return { kind: "container", container: readContainer(fields) };
  if (type === "pipeline") return { kind: "pipeline", pipeline: readPipeline(fields) };
  throw new LineError(`type: must be "pipeline" or "container"`);
}

function readContainer(fields: Fields): ContainerRecord {
  const pipelineId = fields.optionalUuid("pipelineId");
  const container = {
    containerId: fields.count("containerId"),
    state: fields.oneOf("state", CONTAINER_STATE) as ContainerState,
    replication: fields.replication("replication"),
    ...(pipelineId === undefined ? {} : { pipelineId }),
    owner: fields.text("owner"),
    usedBytes: fields.count("usedBytes", 0),
    keyCount: fields.count("keyCount", 0),
    sequenceId: fields.count("sequenceId", 0),
    deleteTransactionId: fields.count("deleteTransactionId", 0),
    stateEnterTimeMs: fields.count("stateEnterTimeMs"),
    suppressed: fields.boolean("suppressed", false),
  };
  if (container.containerId === 0) throw new LineError("containerId: must be at least 1");
  fields.refuseOthers();
  return container;
}

function readPipeline(fields: Fields): PipelineRecord {
  const leaderId = fields.optionalUuid("leaderId");
  const suggestedLeaderId = fields.optionalUuid("suggestedLeaderId");
  const creationTimeMs = fields.count("creationTimeMs");
  const pipeline = {
    pipelineId: fields.uuid("pipelineId"),
    replication: fields.replication("replication"),
    state: fields.oneOf("state", PIPELINE_STATE) as PipelineState,
    members: fields.list("members", MEMBER_COUNT_MAX).map(readMember),
    ...(leaderId === undefined ? {} : { leaderId }),
    ...(suggestedLeaderId === undefined ? {} : { suggestedLeaderId }),
    creationTimeMs,
    stateEnterTimeMs: fields.count("stateEnterTimeMs", creationTimeMs),
  };
  fields.refuseOthers();
  return pipeline;
}

function readMember(fields: Fields): PipelineRecord["members"][number] {
  const replicaIndex = fields.count("replicaIndex", 0);
  if (replicaIndex > 255) throw new LineError(`${fields.place}replicaIndex: must be at most 255`);
  const optional = <K extends keyof DatanodeDetails>(name: K) => {
    const text = fields.optionalText(name);
    return text === undefined ? {} : { [name]: text };
  };
  const details: DatanodeDetails = {
    uuid: fields.uuid("uuid"),
    ipAddress: fields.text("ipAddress"),
    hostName: fields.text("hostName"),
    ports: fields.ports("ports"),
    ...optional("certSerialId"),
    ...optional("networkLocation"),
    ...optional("version"),
    ...optional("revision"),
  };
  fields.refuseOthers();
  return { details, replicaIndex };
}

/** Reads fields of a JSON object one by one and remembers which. */
class Fields {
  readonly place: string;
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  /** @param place put before the field's name in errors, such as `members[2].` */
  constructor(value: unknown, place: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new LineError(`${place === "" ? "the line" : place.slice(0, -1)}: must be a JSON object`);
    }
    this.place = place;
    this.#object = value as Record<string, unknown>;
  }

  /** After all known fields were read: one more is a mistake. */
  refuseOthers(): void {
    const other = Object.keys(this.#object).find((name) => !this.#read.has(name));
    if (other !== undefined) throw new LineError(`${this.place}${other}: is not known`);
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.#fail(name, "must be set");
  }

  optionalText(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    return typeof value === "string" ? value : this.#fail(name, "must be a text");
  }

  count(name: string, defaultValue?: number): number {
    const value = this.#take(name) ?? defaultValue;
    return isCount(value) ? value : this.#fail(name, "must be a whole number from 0 to 2^53 − 1");
  }

  boolean(name: string, defaultValue: boolean): boolean {
    const value = this.#take(name) ?? defaultValue;
    return typeof value === "boolean" ? value : this.#fail(name, "must be true or false");
  }

  uuid(name: string): Uuid {
    return this.optionalUuid(name) ?? this.#fail(name, "must be set");
  }

  optionalUuid(name: string): Uuid | undefined {
    const text = this.optionalText(name);
    if (text === undefined) return undefined;
    return parseUuid(text) ?? this.#fail(name, "must be a UUID");
  }

  oneOf(name: string, table: Readonly<Record<string, number>>): string {
    const text = this.text(name);
    return Object.hasOwn(table, text)
      ? text
      : this.#fail(name, `must be one of ${Object.keys(table).join(", ")}`);
  }

  replication(name: string): ReplicationRecord {
    const expected = "must be like RATIS/THREE, STANDALONE/ONE or rs-6-3-1024k";
    return parseReplicationText(this.text(name)) ?? this.#fail(name, expected);
  }

  list(name: string, countMax: number): Fields[] {
    const value = this.#take(name);
    if (!Array.isArray(value)) return this.#fail(name, "must be a list");
    if (value.length > countMax) return this.#fail(name, `must have at most ${countMax} elements`);
    return value.map((element, i) => new Fields(element, `${this.place}${name}[${i}].`));
  }

  /** An object of port numbers by name. */
  ports(name: string): DatanodeDetails["ports"] {
    const value = this.#take(name);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.#fail(name, "must be an object of port numbers by name");
    }
    return Object.entries(value).map(([port, number]) => {
      if (isCount(number) && number <= PORT_MAX) return { name: port, value: number };
      return this.#fail(`${name}.${port}`, `must be a port number up to ${PORT_MAX}`);
    });
  }

  /** JSON has no "not set" but null. */
  #take(name: string): unknown {
    this.#read.add(name);
    return Object.hasOwn(this.#object, name) ? (this.#object[name] ?? undefined) : undefined;
  }

  #fail(name: string, reason: string): never {
    throw new LineError(`${this.place}${name}: ${reason}`);
  }
}
