import type { ErrorCode } from "../../engine/core/errors.js";
import { HADOOP_CLASS_BY_RETRY, StrataError } from "../../engine/core/errors.js";
import type { RpcError } from "../../protocol/client/completion.js";
import { RemoteError } from "../../protocol/codec/errors.js";
import { Status } from "../../protocol/hadoop/generated/block_pb.js";
import type { ScmAddress } from "../../protocol/schema/records.js";
import type { FrontContext } from "./front-context.js";

/** What Hadoop clients are told when something fails (spec 12 §3): which Java class decides whether they fail
 * at once, or try another SCM for up to ten minutes. */

export const INVALID_MESSAGE_EXCEPTION = "com.google.protobuf.InvalidProtocolBufferException";

/** Status codes of the block protocol (spec 05 §1.7). A client knows them by their place in its own list, so
 * that no other number may be sent. */
export type BlockStatus = keyof typeof Status;

/** Codes that the reference has under another name, or that say one of its things. Those of the same name are
 * not here; all others are INTERNAL_ERROR. */
const STATUS_BY_CODE: { readonly [C in ErrorCode]?: BlockStatus } = {
  CONTAINER_ALREADY_EXISTS: "CONTAINER_EXISTS",
  CONTAINER_STATE: "UNEXPECTED_CONTAINER_STATE",
  CONTAINER_INELIGIBLE: "UNSUPPORTED_OPERATION",
  NOT_SUPPORTED: "UNSUPPORTED_OPERATION",
};

/** What has a class of its own, with the text of the reference. */
const OWN_CLASS: {
  readonly [S in BlockStatus]?: { readonly className: string; text(id: string): string };
} = {
  CONTAINER_NOT_FOUND: {
    className: "org.apache.hadoop.hdds.scm.container.ContainerNotFoundException",
    text: (id) => `Container #${id} not found`,
  },
  PIPELINE_NOT_FOUND: {
    className: "org.apache.hadoop.hdds.scm.pipeline.PipelineNotFoundException",
    text: (id) => `Pipeline-${id} not found`,
  },
};
/** In the messages of both codes. */
const MISSING_ID = /\S+(?= does not exist)/;

const UNREADABLE: ReadonlySet<string> = new Set<ErrorCode>(["PROTOBUF_INCOMPLETE", "PROTOBUF_MALFORMED"]);

/** What a client is to do about a failure. */
export type Failure =
  | { readonly kind: "redirect"; readonly message: string }
  | { readonly kind: "unreadable"; readonly message: string }
  | {
      readonly kind: "refusal";
      readonly status: BlockStatus;
      readonly name: string;
      readonly message: string;
    };

/** The ports that speak a protocol which only the leader answers. */
export type RedirectedPort = "client" | "block";

/** Which call has failed. */
export interface FailedCall {
  readonly port: RedirectedPort;
  readonly protocol: string;
  readonly type: string;
}

/** Whatever is no error of ours is a bug, and is told. */
export function failureOf(
  error: unknown,
  { port, protocol, type }: FailedCall,
  context: FrontContext,
): Failure {
  if (!(error instanceof StrataError || error instanceof RemoteError)) {
    context.bugs.met(protocol, type, error);
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "refusal", status: "INTERNAL_ERROR", name: "INTERNAL_ERROR", message };
  }
  // Ozone Manager looks for this very code.
  const isDomain = error.code === "SAFE_MODE_EXCEPTION";
  if (error.retry === "elsewhere" || error.code === "SHUTTING_DOWN") {
    return { kind: "redirect", message: notLeaderText(context, leaderOf(error, port)) };
  }
  if (error.retry === "later" && !isDomain) {
    const own = { host: context.settings.hostName, port: context.ports[port] };
    return { kind: "redirect", message: notLeaderText(context, own) };
  }
  if (UNREADABLE.has(error.code)) return { kind: "unreadable", message: error.message };
  if (error.retry === "unknown") {
    const message = `${error.message}; the request may have been applied`;
    return { kind: "refusal", status: "TIMEOUT", name: error.code, message };
  }
  const status = statusOf(error.code);
  return {
    kind: "refusal",
    status,
    name: status === "INTERNAL_ERROR" ? error.code : status,
    message: error.message,
  };
}

/** Class and text of a failure as an exception, for protocols whose answers cannot say it. The codes do not
 * survive, so the name stands first in the text (spec 12 §11). */
export function exceptionOf(failure: Failure): { readonly className: string; readonly message: string } {
  switch (failure.kind) {
    case "redirect":
      return { className: HADOOP_CLASS_BY_RETRY.elsewhere, message: failure.message };
    case "unreadable":
      return { className: INVALID_MESSAGE_EXCEPTION, message: failure.message };
    case "refusal": {
      const { status, name, message } = failure;
      const own = OWN_CLASS[status];
      const id = MISSING_ID.exec(message)?.[0];
      if (own === undefined || id === undefined) {
        return { className: HADOOP_CLASS_BY_RETRY.never, message: `${name}: ${message}` };
      }
      return { className: own.className, message: own.text(id) };
    }
  }
}

/** For calls whose part of the SCM does not exist yet. */
export function notSupported(what: string): StrataError {
  return new StrataError("NOT_SUPPORTED", { what });
}

function statusOf(code: string): BlockStatus {
  const status = STATUS_BY_CODE[code as ErrorCode];
  if (status !== undefined) return status;
  return code in Status ? (code as BlockStatus) : "INTERNAL_ERROR";
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Who leads, by the members' book that came with the error; undefined when nobody is known to. */
function leaderOf(error: RpcError, port: RedirectedPort): Place | undefined {
  if (!(error instanceof RemoteError) || error.leaderHint === undefined) return undefined;
  const { leaderHint, members } = error;
  const leader = members.find(({ host, strataPort }) => leaderHint === `ws://${host}:${strataPort}`);
  return leader === undefined ? undefined : { host: leader.host, port: portOf(leader, port) };
}

function portOf(member: ScmAddress, port: RedirectedPort): number {
  return port === "block" ? member.blockPort : member.clientPort;
}

/** The text in which clients look for their next SCM (spec 12 §3.3). They compare host and port with their
 * own configuration, and split at colons: an IPv6 address would not be understood. */
function notLeaderText({ settings }: FrontContext, next: Place | undefined): string {
  const us = `SCM Server:${settings.scmId}(${settings.hostName}) is not the leader.`;
  if (next === undefined || next.port === 0 || next.host.includes(":")) {
    return `${us} Could not determine the leader node.`;
  }
  return `${us} Suggested leader is Server:${next.host}:${next.port}.`;
}
