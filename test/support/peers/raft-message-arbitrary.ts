import fc from "fast-check";
import { logIndex, term } from "../../../engine/core/ids.js";
import type { Message, MessageKind } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import type { Entry, EntryType, ReadContext } from "../../../engine/raft/types.js";
import { ENTRY_TYPE, nodeId } from "../../../engine/raft/types.js";

const ENTRY_COUNT_MAX = 5;
const PAYLOAD_BYTES_MAX = 300;
/** So that the indexes of entries behind it exist too. */
const INDEX_MAX = Number.MAX_SAFE_INTEGER - ENTRY_COUNT_MAX;

const number = fc.oneof(fc.nat(300), fc.integer({ min: 2 ** 31, max: 2 ** 33 }), fc.maxSafeNat());
const aTerm = number.map(term);
const anIndex = number.map((value) => logIndex(Math.min(value, INDEX_MAX)));
/** As message literals are. */
const PLAIN = { noNullPrototype: true } as const;
const id = fc.record({ term: aTerm, index: anIndex }, PLAIN);
/** The two highest ones belong to the core's own threads. */
const node = fc
  .oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 2 }))
  .map(nodeId);
const envelope = { from: node, to: node, term: aTerm };

const entryFields = fc.record({
  term: aTerm,
  type: fc.constantFrom<EntryType>(...Object.values(ENTRY_TYPE)),
  payload: fc.uint8Array({ maxLength: PAYLOAD_BYTES_MAX }),
});

const appReq = fc
  .record({
    ...envelope,
    previous: id,
    commit: anIndex,
    fields: fc.array(entryFields, { maxLength: ENTRY_COUNT_MAX }),
  })
  .map(({ fields, previous, ...rest }): Message => {
    const entries = fields.map((entry, i): Entry => ({ ...entry, index: logIndex(previous.index + i + 1) }));
    return { kind: MESSAGE_KIND.APP_REQ, ...rest, previous, entries };
  });

function ofKind(kind: MessageKind, fields: Readonly<Record<string, fc.Arbitrary<unknown>>>) {
  const record = fc.record({ kind: fc.constant(kind), ...envelope, ...fields }, PLAIN);
  return record as unknown as fc.Arbitrary<Message>;
}

const context = number.map((value) => value as ReadContext);

/** Every message that travels between members, with any values that it can have on the wire. */
export const raftMessage: fc.Arbitrary<Message> = fc.oneof(
  appReq,
  ofKind(MESSAGE_KIND.APP_RESP, { index: anIndex, rejected: fc.boolean(), hint: id }),
  ofKind(MESSAGE_KIND.VOTE_REQ, { last: id, transfer: fc.boolean() }),
  ofKind(MESSAGE_KIND.PRE_VOTE_REQ, { last: id, transfer: fc.boolean() }),
  ofKind(MESSAGE_KIND.VOTE_RESP, { rejected: fc.boolean() }),
  ofKind(MESSAGE_KIND.PRE_VOTE_RESP, { rejected: fc.boolean() }),
  ofKind(MESSAGE_KIND.HEARTBEAT, { commit: anIndex, readRound: number }),
  ofKind(MESSAGE_KIND.HEARTBEAT_RESP, { readRound: number }),
  ofKind(MESSAGE_KIND.READ_INDEX, { context }),
  ofKind(MESSAGE_KIND.READ_INDEX_RESP, { context, index: anIndex }),
  ofKind(MESSAGE_KIND.TIMEOUT_NOW, {}),
);
