import { StrataError } from "../../../engine/core/errors.js";
import type { AllocateScmBlockRequestProto } from "../../../protocol/hadoop/generated/block_pb.js";
import type { ExcludeListProto } from "../../../protocol/hadoop/generated/hdds_pb.js";
import { EXCLUDED_MAX } from "../../../protocol/schema/block-messages.js";
import type { RequestOf } from "../../../protocol/schema/messages.js";
import { replicationOf } from "../replication.js";
import { pipelineIdOf, uuidOfText } from "../request-parts.js";

/** An allocation in Strata's words.
 * @throws StrataError INVALID_BLOCK_SIZE, INVALID_ARGUMENT */
export function blocksRequestOf(request: AllocateScmBlockRequestProto): RequestOf<"allocateBlocks"> {
  const { numBlocks, owner, client, excludeList } = request;
  const { type, factor, ecReplicationConfig: ec } = request;
  return {
    size: sizeOf(request.size),
    count: numBlocks,
    replication: replicationOf({ type, factor, ec }),
    owner,
    ...(excludeList === undefined || isEmpty(excludeList) ? {} : { excluded: excludedOf(excludeList) }),
    ...(client === "" ? {} : { client }),
  };
}

/** Java reads the size as signed, so that the largest ones are negative to it, and all are refused. */
function sizeOf(size: bigint): number {
  const bytes = Number(size);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new StrataError("INVALID_BLOCK_SIZE", { size, limit: "the size of a container" });
}

/** OM sends a list always, also an empty one. */
function isEmpty({ datanodes, containerIds, pipelineIds }: ExcludeListProto): boolean {
  return datanodes.length + containerIds.length + pipelineIds.length === 0;
}

/** What is to be avoided is advice: what exceeds the limit is left out, and so are ids that nothing has. */
function excludedOf({
  datanodes,
  containerIds,
  pipelineIds,
}: ExcludeListProto): RequestOf<"allocateBlocks">["excluded"] {
  return {
    datanodes: datanodes.slice(0, EXCLUDED_MAX).map((text) => uuidOfText("excludeList.datanodes", text)),
    containerIds: containerIds
      .filter((id) => id >= 0n && id <= BigInt(Number.MAX_SAFE_INTEGER))
      .slice(0, EXCLUDED_MAX)
      .map(Number),
    pipelineIds: pipelineIds.slice(0, EXCLUDED_MAX).map(pipelineIdOf),
  };
}
