import { StrataError } from "../../../engine/core/errors.js";
import type { RpcError } from "../../../protocol/client/completion.js";
import type { BugReports } from "../bug-reports.js";
import { INVALID_MESSAGE_EXCEPTION } from "../hadoop-errors.js";
import type { HadoopCall } from "../rpc/call.js";

export const DATANODE_PROTOCOL = "org.apache.hadoop.ozone.protocol.StorageContainerDatanodeProtocol";

const IO_EXCEPTION = "java.io.IOException";

/** A datanode tries again with its next heartbeat, whatever the class (spec 12 §3.4, §7.1). */
export function fail(call: HadoopCall, error: RpcError): void {
  const isUnreadable = error.code === "PROTOBUF_INCOMPLETE" || error.code === "PROTOBUF_MALFORMED";
  if (isUnreadable) call.fail(INVALID_MESSAGE_EXCEPTION, error.message);
  else call.fail(IO_EXCEPTION, `${error.code}: ${error.message}`);
}

/** The same with whatever a handler threw: what is no refusal is a bug, and nobody else's affair. */
export function failWith(call: HadoopCall, error: unknown, bugs: BugReports): void {
  if (error instanceof StrataError && !call.isAnswered) {
    fail(call, error);
    return;
  }
  bugs.met(DATANODE_PROTOCOL, call.type, error);
  const message = error instanceof Error ? error.message : String(error);
  if (!call.isAnswered) call.fail(IO_EXCEPTION, `INTERNAL_ERROR: ${message}`);
}

export function tooManyCalls(): StrataError {
  return new StrataError("OVERLOADED", { reason: "earlier calls of this datanode have no answer yet" });
}

export function nameless(): StrataError {
  return new StrataError("INVALID_ARGUMENT", {
    field: "datanodeDetails",
    reason: "no id in any of its forms",
  });
}
