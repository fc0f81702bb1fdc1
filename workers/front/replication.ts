import { StrataError } from "../../engine/core/errors.js";
import type { ECReplicationConfig } from "../../protocol/hadoop/generated/hdds_pb.js";
import { ReplicationType } from "../../protocol/hadoop/generated/hdds_pb.js";
import type { ReplicationRecord } from "../../protocol/schema/records.js";

/** What requests for blocks, containers and pipelines say about replication. A factor that was not sent reads
 * as ONE, and clients of EC send one that means nothing (spec 12 §6.2). */
export interface WireReplication {
  readonly type: number;
  readonly factor: number;
  readonly ec: ECReplicationConfig | undefined;
}

/** Throws INVALID_ARGUMENT for types that nothing can be written with. Whether the numbers make sense, main
 * decides. */
export function replicationOf({ type, factor, ec }: WireReplication): ReplicationRecord {
  switch (type) {
    case ReplicationType.RATIS:
      return replicated("RATIS", factor);
    case ReplicationType.STAND_ALONE:
      return replicated("STAND_ALONE", factor);
    case ReplicationType.EC:
      if (ec === undefined) throw invalid("EC without ecReplicationConfig");
      return erasureCoded(ec);
    default:
      throw invalid(`nothing is written with type ${type}`);
  }
}

function replicated(type: "RATIS" | "STAND_ALONE", factor: number): ReplicationRecord {
  return { type, factor, ecData: 0, ecParity: 0, ecChunkBytes: 0, ecCodec: "" };
}

export function erasureCoded({ data, parity, codec, ecChunkSize }: ECReplicationConfig): ReplicationRecord {
  if (data < 1 || parity < 1 || data + parity > 255 || ecChunkSize < 1) {
    throw invalid(`${codec}-${data}-${parity}-${ecChunkSize} is no erasure coding`);
  }
  return {
    type: "EC",
    factor: data + parity,
    ecData: data,
    ecParity: parity,
    ecChunkBytes: ecChunkSize,
    ecCodec: codec.toLowerCase(),
  };
}

function invalid(reason: string): StrataError {
  return new StrataError("INVALID_ARGUMENT", { field: "replication", reason });
}
