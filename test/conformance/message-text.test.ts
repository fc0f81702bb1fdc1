import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../engine/core/ids.js";
import { encodeConfChange } from "../../engine/raft/conf-change-codec.js";
import type { Message } from "../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../engine/raft/message.js";
import type { Entry, EntryId, EntryType, Snapshot } from "../../engine/raft/types.js";
import {
  CONF_CHANGE,
  CONF_CHANGE_TRANSITION,
  ENTRY_TYPE,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  nodeId,
  ROLE,
} from "../../engine/raft/types.js";
import { entryText } from "./entry-text.js";
import { messageText } from "./message-text.js";
import { quoted } from "./quoted.js";
import { readyText } from "./ready-text.js";

const EMPTY = new Uint8Array(0);
const ENVELOPE = { from: nodeId(1), to: nodeId(26), term: term(5) };
const SNAPSHOT: Snapshot = {
  id: id(2, 9),
  confState: {
    voters: [nodeId(1), nodeId(2)],
    votersOutgoing: [],
    learners: [nodeId(3)],
    learnersNext: [],
    autoLeave: false,
  },
  payload: EMPTY,
};
const SNAPSHOT_TEXT =
  "Index:9 Term:2 ConfState:Voters:[1 2] VotersOutgoing:[] Learners:[3] LearnersNext:[] AutoLeave:false";

function id(ofTerm: number, index: number): EntryId {
  return { term: term(ofTerm), index: logIndex(index) };
}

function entry(index: number, payload: Uint8Array, type: EntryType = ENTRY_TYPE.NORMAL): Entry {
  return { ...id(4, index), type, payload };
}

test("payloads are quoted as Go does", () => {
  assert.equal(quoted('a "b" \\ ü'), '"a \\"b\\" \\\\ ü"');
  assert.equal(quoted("\n\t\x01\x7f\u200b\u{e0001}"), '"\\n\\t\\x01\\x7f\\u200b\\U000e0001"');
});

test("changes of membership are told by their steps", () => {
  const steps = [
    { type: CONF_CHANGE.ADD_VOTER, nodeId: nodeId(1) },
    { type: CONF_CHANGE.ADD_LEARNER, nodeId: nodeId(20) },
    { type: CONF_CHANGE.REMOVE, nodeId: nodeId(3) },
    { type: CONF_CHANGE.UPDATE, nodeId: nodeId(4) },
  ];
  const payload = encodeConfChange({ transition: CONF_CHANGE_TRANSITION.AUTO, steps, context: EMPTY });
  assert.equal(entryText(entry(7, payload, ENTRY_TYPE.CONF_CHANGE_V2)), "4/7 EntryConfChangeV2 v1 l20 r3 u4");
  assert.equal(entryText(entry(7, EMPTY, ENTRY_TYPE.CONF_CHANGE_V2)), "4/7 EntryConfChangeV2");
  assert.equal(entryText(entry(7, EMPTY)), '4/7 EntryNormal ""');
});

test("messages show what is not zero", () => {
  const texts: readonly (readonly [Message, string])[] = [
    [
      { ...ENVELOPE, kind: MESSAGE_KIND.APP_REQ, previous: id(3, 6), entries: [], commit: logIndex(0) },
      "1->1a MsgApp Term:5 Log:3/6",
    ],
    [
      { ...ENVELOPE, kind: MESSAGE_KIND.APP_RESP, index: logIndex(6), rejected: true, hint: id(2, 4) },
      "1->1a MsgAppResp Term:5 Log:2/6 Rejected (Hint: 4)",
    ],
    [
      { ...ENVELOPE, kind: MESSAGE_KIND.VOTE_RESP, rejected: true },
      "1->1a MsgVoteResp Term:5 Log:0/0 Rejected (Hint: 0)",
    ],
    [
      { ...ENVELOPE, kind: MESSAGE_KIND.SNAP, snapshot: SNAPSHOT },
      `1->1a MsgSnap Term:5 Log:0/0\n  Snapshot: ${SNAPSHOT_TEXT}`,
    ],
    [
      { ...ENVELOPE, kind: MESSAGE_KIND.TRANSFER_LEADER, target: nodeId(3) },
      "3->1a MsgTransferLeader Term:5 Log:0/0",
    ],
    [
      {
        ...ENVELOPE,
        kind: MESSAGE_KIND.PROP,
        term: term(0),
        proposals: [{ type: ENTRY_TYPE.NORMAL, payload: Buffer.from("x") }],
      },
      '1->1a MsgProp Term:0 Log:0/0 Entries:[0/0 EntryNormal "x"]',
    ],
  ];
  for (const [message, text] of texts) assert.equal(messageText(message), text);
});

test("messages to the threads show entries and responses in lines of their own", () => {
  const entries = [entry(7, EMPTY), entry(8, Buffer.from("x"))];
  const response: Message = {
    kind: MESSAGE_KIND.STORAGE_APPEND_RESP,
    from: LOCAL_APPEND_THREAD,
    to: nodeId(1),
    term: term(5),
    last: undefined,
    snapshot: SNAPSHOT,
  };
  const message: Message = {
    kind: MESSAGE_KIND.STORAGE_APPEND,
    from: nodeId(1),
    to: LOCAL_APPEND_THREAD,
    term: term(5),
    entries,
    hardState: { term: term(4), vote: nodeId(2), commit: logIndex(6) },
    snapshot: undefined,
    responses: [response],
  };
  assert.equal(
    messageText(message),
    [
      "1->AppendThread MsgStorageAppend Term:4 Log:0/0 Commit:6 Vote:2 Entries:[",
      '  4/7 EntryNormal ""',
      '  4/8 EntryNormal "x"',
      "] Responses:[",
      "  AppendThread->1 MsgStorageAppendResp Term:5 Log:0/0",
      `    Snapshot: ${SNAPSHOT_TEXT}`,
      "]",
    ].join("\n"),
  );
  assert.equal(
    messageText({
      kind: MESSAGE_KIND.STORAGE_APPLY_RESP,
      from: LOCAL_APPLY_THREAD,
      to: nodeId(1),
      term: term(0),
      entries,
    }),
    [
      "ApplyThread->1 MsgStorageApplyResp Term:0 Log:0/0 Entries:[",
      '  4/7 EntryNormal ""',
      '  4/8 EntryNormal "x"',
      "]",
    ].join("\n"),
  );
});

test("a Ready shows its parts in order, and an empty one is called so", () => {
  const empty = {
    softState: undefined,
    hardState: undefined,
    snapshot: undefined,
    entries: [],
    committedEntries: [],
    messages: [],
    readStates: [],
    mustSync: false,
  };
  assert.equal(readyText(empty), "<empty Ready>");
  assert.equal(
    readyText({
      ...empty,
      softState: { leader: nodeId(1), role: ROLE.PRE_CANDIDATE },
      hardState: { term: term(4), vote: nodeId(0), commit: logIndex(6) },
      snapshot: SNAPSHOT,
      entries: [entry(7, EMPTY)],
      committedEntries: [entry(6, EMPTY)],
      messages: [{ ...ENVELOPE, kind: MESSAGE_KIND.TIMEOUT_NOW }],
      mustSync: true,
    }),
    [
      "Ready MustSync=true:",
      "Lead:1 State:StatePreCandidate",
      "HardState Term:4 Commit:6",
      "Entries:",
      '4/7 EntryNormal ""',
      `Snapshot ${SNAPSHOT_TEXT}`,
      "CommittedEntries:",
      '4/6 EntryNormal ""',
      "Messages:",
      "1->1a MsgTimeoutNow Term:5 Log:0/0",
      "",
    ].join("\n"),
  );
});
