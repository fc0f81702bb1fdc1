import { BLOCKS_PER_REQUEST_MAX } from "../../../protocol/schema/block-messages.js";
import type { RequestOf } from "../../../protocol/schema/messages.js";
import { StrataError } from "../../core/errors.js";
import { type ReplicationConfig, replicationProblem } from "../containers/replication-config.js";

export type BlockRequest = RequestOf<"allocateBlocks">;

/** Throws StrataError when there is nothing that could answer it, whatever the cluster is like. */
export function checkBlockRequest({ size, count, owner }: BlockRequest, containerBytes: number): void {
  if (size < 0 || size > containerBytes) {
    throw new StrataError("INVALID_BLOCK_SIZE", { size, limit: containerBytes });
  }
  if (count < 1 || count > BLOCKS_PER_REQUEST_MAX) {
    const advice = count < 1 ? "" : ": ask for more in several requests";
    const reason = `must be 1 to ${BLOCKS_PER_REQUEST_MAX}, is ${count}${advice}`;
    throw new StrataError("INVALID_ARGUMENT", { field: "count", reason });
  }
  checkOwner(owner);
}

export function checkOwner(owner: string): void {
  if (owner !== "") return;
  const reason = "is empty: containers belong to somebody, such as the service id of the Ozone Manager";
  throw new StrataError("INVALID_ARGUMENT", { field: "owner", reason });
}

/** Of `ozone.replication.allowed-configs`, which must match the whole text, as Java's `matches` does (spec 02
 * §3); an empty one allows everything. Throws SyntaxError. */
export function allowedPattern(text: string): RegExp {
  return new RegExp(text === "" ? "" : `^(?:${text})$`);
}

/** Throws StrataError for a configuration that makes no sense, or that `ozone.replication.allowed-configs`
 * does not allow. */
export function checkReplication(replication: ReplicationConfig, allowed: RegExp): void {
  const problem = replicationProblem(replication);
  if (problem !== undefined) {
    throw new StrataError("INVALID_ARGUMENT", { field: "replication", reason: problem });
  }
  const text = allowedText(replication);
  if (allowed.test(text)) return;
  const reason = `${text} is not allowed here by ozone.replication.allowed-configs, ${allowed.source}`;
  throw new StrataError("INVALID_ARGUMENT", { field: "replication", reason });
}

/** What the pattern is tested on (spec 02 §3): the codec is not part of it. */
function allowedText({ type, factor, ecData, ecParity, ecChunkBytes }: ReplicationConfig): string {
  if (type === "EC") {
    const chunk = ecChunkBytes % 1024 === 0 ? `${ecChunkBytes / 1024}k` : String(ecChunkBytes);
    return `EC/${ecData}-${ecParity}-${chunk}`;
  }
  return `${type === "RATIS" ? "RATIS" : "STANDALONE"}/${factor === 1 ? "ONE" : "THREE"}`;
}
