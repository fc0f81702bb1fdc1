import { RecordCodec } from "../../protocol/codec/codec.js";
import type { RecordSchema } from "../../protocol/schema/fields.js";
import { PEER_FRAME_BYTES_MAX, PEER_MESSAGES } from "../../protocol/schema/peer-messages.js";
import type { ValueOfRecord } from "../../protocol/schema/types.js";
import { StrataError } from "../core/errors.js";
import { logIndex, term } from "../core/ids.js";
import type { AppReq, Message, MessageKind } from "../raft/message.js";
import { MESSAGE_KIND } from "../raft/message.js";
import type { Entry, EntryId, EntryType, NodeId, ReadContext } from "../raft/types.js";
import { ENTRY_TYPE, entryBytes, isLocalThread, nodeId } from "../raft/types.js";

/** Raft messages as frames of `protocol/schema/peer-messages.ts`, and back. */

const CODECS = {
  appReq: codec(PEER_MESSAGES.appReq.message),
  appResp: codec(PEER_MESSAGES.appResp.message),
  voteReq: codec(PEER_MESSAGES.voteReq.message),
  voteResp: codec(PEER_MESSAGES.voteResp.message),
  heartbeat: codec(PEER_MESSAGES.heartbeat.message),
  heartbeatResp: codec(PEER_MESSAGES.heartbeatResp.message),
  readIndex: codec(PEER_MESSAGES.readIndex.message),
  readIndexResp: codec(PEER_MESSAGES.readIndexResp.message),
  timeoutNow: codec(PEER_MESSAGES.timeoutNow.message),
} as const;

/** Ops of Raft messages are their kind and this. */
const OP_BASE = 16;
type EntryTypeName = keyof typeof ENTRY_TYPE;
const TYPE_NAMES: readonly EntryTypeName[] = ["NORMAL", "CONF_CHANGE_V1", "CONF_CHANGE_V2"];
/** Of all but the entries of an append, at most. */
const MESSAGE_BYTES = 128;

/** Whether messages of this kind travel on RAFT_PATH. */
export function isPeerKind(kind: MessageKind): boolean {
  switch (kind) {
    case MESSAGE_KIND.SNAP:
    case MESSAGE_KIND.PROP:
    case MESSAGE_KIND.TRANSFER_LEADER:
      return false;
    default:
      return kind < MESSAGE_KIND.HUP;
  }
}

/** About how long its frame is, without encoding it. */
export function messageBytes(message: Message): number {
  if (message.kind !== MESSAGE_KIND.APP_REQ) return MESSAGE_BYTES;
  let bytes = MESSAGE_BYTES;
  for (const entry of message.entries) bytes += entryBytes(entry);
  return bytes;
}

/** The frame of a message that travels, the caller's to keep; `number` counts the frames of a connection.
 * @throws StrataError FIELD_INVALID, FRAME_TOO_LARGE */
export function encodeMessage(message: Message, number: number): Uint8Array {
  const op = OP_BASE + message.kind;
  const { from, to } = message;
  switch (message.kind) {
    case MESSAGE_KIND.APP_REQ: {
      const { previous, commit, entries } = message;
      return CODECS.appReq.encode(op, 0, number, {
        from,
        to,
        term: message.term,
        previousTerm: previous.term,
        previousIndex: previous.index,
        commit,
        entries: entries.map(entryValue),
      });
    }
    case MESSAGE_KIND.APP_RESP: {
      const { index, rejected, hint } = message;
      const { term: hintTerm, index: hintIndex } = hint;
      const value = { from, to, term: message.term, index, rejected, hintTerm, hintIndex };
      return CODECS.appResp.encode(op, 0, number, value);
    }
    case MESSAGE_KIND.VOTE_REQ:
    case MESSAGE_KIND.PRE_VOTE_REQ: {
      const { last, transfer } = message;
      const value = { from, to, term: message.term, lastTerm: last.term, lastIndex: last.index, transfer };
      return CODECS.voteReq.encode(op, 0, number, value);
    }
    case MESSAGE_KIND.VOTE_RESP:
    case MESSAGE_KIND.PRE_VOTE_RESP:
      return CODECS.voteResp.encode(op, 0, number, message);
    case MESSAGE_KIND.HEARTBEAT:
      return CODECS.heartbeat.encode(op, 0, number, message);
    case MESSAGE_KIND.HEARTBEAT_RESP:
      return CODECS.heartbeatResp.encode(op, 0, number, message);
    case MESSAGE_KIND.READ_INDEX:
      return CODECS.readIndex.encode(op, 0, number, message);
    case MESSAGE_KIND.READ_INDEX_RESP:
      return CODECS.readIndexResp.encode(op, 0, number, message);
    case MESSAGE_KIND.TIMEOUT_NOW:
      return CODECS.timeoutNow.encode(op, 0, number, message);
    default:
      throw invalid(`kind ${message.kind} does not travel`);
  }
}

/** The message in a frame's body, `bytes[start … end)`. It keeps nothing of `bytes`: payloads are views of
 * one copy of the body.
 * @throws StrataError UNSUPPORTED_OPERATION, BODY_MALFORMED, FIELD_INVALID, PEER_MESSAGE_INVALID */
export function decodeMessage(op: number, bytes: Uint8Array, start: number, end: number): Message {
  const kind = (op - OP_BASE) as MessageKind;
  switch (kind) {
    case MESSAGE_KIND.APP_REQ:
      return decodeAppend(bytes, start, end);
    case MESSAGE_KIND.APP_RESP: {
      const value = CODECS.appResp.decode(bytes, start, end);
      const hint = idOf(value.hintTerm, value.hintIndex);
      return { kind, ...envelopeOf(value), index: logIndex(value.index), rejected: value.rejected, hint };
    }
    case MESSAGE_KIND.VOTE_REQ:
    case MESSAGE_KIND.PRE_VOTE_REQ: {
      const value = CODECS.voteReq.decode(bytes, start, end);
      const last = idOf(value.lastTerm, value.lastIndex);
      return { kind, ...envelopeOf(value), last, transfer: value.transfer };
    }
    case MESSAGE_KIND.VOTE_RESP:
    case MESSAGE_KIND.PRE_VOTE_RESP: {
      const value = CODECS.voteResp.decode(bytes, start, end);
      return { kind, ...envelopeOf(value), rejected: value.rejected };
    }
    case MESSAGE_KIND.HEARTBEAT: {
      const value = CODECS.heartbeat.decode(bytes, start, end);
      return { kind, ...envelopeOf(value), commit: logIndex(value.commit), readRound: value.readRound };
    }
    case MESSAGE_KIND.HEARTBEAT_RESP: {
      const value = CODECS.heartbeatResp.decode(bytes, start, end);
      return { kind, ...envelopeOf(value), readRound: value.readRound };
    }
    case MESSAGE_KIND.READ_INDEX: {
      const value = CODECS.readIndex.decode(bytes, start, end);
      return { kind, ...envelopeOf(value), context: value.context as ReadContext };
    }
    case MESSAGE_KIND.READ_INDEX_RESP: {
      const value = CODECS.readIndexResp.decode(bytes, start, end);
      const context = value.context as ReadContext;
      return { kind, ...envelopeOf(value), context, index: logIndex(value.index) };
    }
    case MESSAGE_KIND.TIMEOUT_NOW:
      return { kind, ...envelopeOf(CODECS.timeoutNow.decode(bytes, start, end)) };
    default:
      throw new StrataError("UNSUPPORTED_OPERATION", { op });
  }
}

function decodeAppend(bytes: Uint8Array, start: number, end: number): AppReq {
  // One copy for all payloads. Not `slice`, which of a Buffer is none.
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  const value = CODECS.appReq.decode(copy, 0, copy.length);
  const { previousIndex } = value;
  // Not map: the array is made at its size, and the closure would be garbage for each append.
  const entries = new Array<Entry>(value.entries.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = value.entries[i] as (typeof value.entries)[number];
    entries[i] = {
      term: term(entry.term),
      index: indexAfter(previousIndex, i + 1),
      type: ENTRY_TYPE[entry.type],
      payload: entry.payload,
    };
  }
  return {
    kind: MESSAGE_KIND.APP_REQ,
    ...envelopeOf(value),
    previous: idOf(value.previousTerm, previousIndex),
    entries,
    commit: logIndex(value.commit),
  };
}

function indexAfter(index: number, distance: number): Entry["index"] {
  if (index > Number.MAX_SAFE_INTEGER - distance) throw invalid("its entries run out of indexes");
  return logIndex(index + distance);
}

function envelopeOf(value: { readonly from: number; readonly to: number; readonly term: number }) {
  return { from: memberId(value.from), to: memberId(value.to), term: term(value.term) };
}

/** No member has the ids of the core's own threads, whose messages it believes. */
function memberId(value: number): NodeId {
  const id = nodeId(value);
  if (id === 0 || isLocalThread(id)) throw invalid(`node id ${value}`);
  return id;
}

function idOf(termNumber: number, index: number): EntryId {
  return { term: term(termNumber), index: logIndex(index) };
}

function entryValue({ term: termNumber, type, payload }: Entry) {
  return { term: termNumber, type: nameOfType(type), payload };
}

function nameOfType(type: EntryType): EntryTypeName {
  return TYPE_NAMES[type] as EntryTypeName;
}

function codec<R extends RecordSchema>(schema: R): RecordCodec<ValueOfRecord<R>> {
  return new RecordCodec<ValueOfRecord<R>>(schema, PEER_FRAME_BYTES_MAX);
}

function invalid(reason: string): StrataError {
  return new StrataError("PEER_MESSAGE_INVALID", { reason });
}
