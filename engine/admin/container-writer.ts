import type { BodyWriter } from "../../protocol/codec/body-writer.js";
import { codecOf } from "../../protocol/codec/codec.js";
import { packValue } from "../../protocol/codec/msgpack.js";
import { CONTAINER, REPLICATION, type ReplicationRecord } from "../../protocol/schema/records.js";
import type { LiveUsage, ReplicaStore } from "../../workers/pool/replica-store.js";
import type { ClusterState } from "../cluster/cluster-state.js";
import { type ContainerNumbers, emptyContainerNumbers } from "../cluster/containers/container-stripe.js";
import type { Dictionary } from "../cluster/containers/dictionary.js";

const FIELD_COUNT = Object.keys(CONTAINER.fields).length;

/** Writes containers as the record CONTAINER, straight from their rows: nothing is allocated for one. */
export class ContainerWriter {
  readonly #cluster: Pick<ClusterState, "containers">;
  readonly #replicas: Pick<ReplicaStore, "liveUsage">;
  readonly #replications: EncodedEntries<ReplicationRecord>;
  readonly #owners = new EncodedEntries<string>(packValue);
  readonly #numbers = emptyContainerNumbers();
  readonly #usage: LiveUsage = { usedBytes: 0, keyCount: 0, sequenceId: 0 };
  readonly #pipelineId = new Uint8Array(16);

  constructor(cluster: Pick<ClusterState, "containers">, replicas: Pick<ReplicaStore, "liveUsage">) {
    const replication = codecOf(REPLICATION);
    this.#cluster = cluster;
    this.#replicas = replicas;
    this.#replications = new EncodedEntries((value) => replication.encodeValue(value));
  }

  /** The container exists. What is returned is used again. */
  write(writer: BodyWriter, id: number): Readonly<ContainerNumbers> {
    const { table, replications, owners } = this.#cluster.containers;
    const numbers = this.#numbers;
    table.readNumbers(id, numbers);
    // What the replicas tell is newer than what the last transition put on record (spec 02 §1).
    const usage = this.#replicas.liveUsage(id, this.#usage) ? this.#usage : numbers;
    writer.array(FIELD_COUNT);
    writer.number(id);
    writer.number(numbers.state);
    writer.encoded(this.#replications.get(replications, numbers.replication));
    if (table.copyPipelineId(id, this.#pipelineId)) writer.uuid(this.#pipelineId);
    else writer.nil();
    writer.encoded(this.#owners.get(owners, numbers.owner));
    writer.number(usage.usedBytes);
    writer.number(usage.keyCount);
    writer.number(usage.sequenceId);
    writer.number(numbers.deleteTransactionId);
    writer.number(numbers.stateEnterTimeMs);
    writer.boolean(numbers.suppressed);
    return numbers;
  }
}

/** The values of a dictionary as the bytes of the wire, by number. */
class EncodedEntries<V> {
  readonly #encode: (value: V) => Uint8Array;
  readonly #entries: { readonly value: V; readonly bytes: Uint8Array }[] = [];

  constructor(encode: (value: V) => Uint8Array) {
    this.#encode = encode;
  }

  get(dictionary: Dictionary<V>, number: number): Uint8Array {
    const value = dictionary.valueOf(number);
    const known = this.#entries[number];
    // After a snapshot the number may be another value's.
    if (known !== undefined && known.value === value) return known.bytes;
    const bytes = this.#encode(value);
    this.#entries[number] = { value, bytes };
    return bytes;
  }
}
