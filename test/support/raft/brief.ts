import type { Message, MessageKind } from "../../../engine/raft/message.js";
import { MESSAGE_KIND } from "../../../engine/raft/message.js";
import type { EntryId } from "../../../engine/raft/types.js";

const KIND_NAMES = new Map<MessageKind, string>(
  Object.entries(MESSAGE_KIND).map(([name, kind]) => [
    kind,
    name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
  ]),
);

/** `appReq`, `preVoteResp` … */
export function kindName(kind: MessageKind): string {
  return KIND_NAMES.get(kind) as string;
}

/** `term/index` */
export function briefId(id: EntryId): string {
  return `${id.term}/${id.index}`;
}

/** A message on one line, `from>to kind@term what it says`, for comparing in tests:
 *
 *   1>2 appReq@3 after 2/4: 3/5 3/6, commit 4
 *   2>1 appResp@3 rejects 4, hint 1/3
 *   1>2 voteReq@4 last 3/6 */
export function brief(message: Message): string {
  const { from, to, term, kind } = message;
  return `${from}>${to} ${kindName(kind)}@${term} ${content(message)}`.trimEnd();
}

function content(message: Message): string {
  switch (message.kind) {
    case MESSAGE_KIND.APP_REQ: {
      const entries = message.entries.map((entry) => ` ${briefId(entry)}`).join("");
      return `after ${briefId(message.previous)}:${entries}, commit ${message.commit}`;
    }
    case MESSAGE_KIND.APP_RESP:
      if (!message.rejected) return `has ${message.index}`;
      return `rejects ${message.index}, hint ${briefId(message.hint)}`;
    case MESSAGE_KIND.VOTE_REQ:
    case MESSAGE_KIND.PRE_VOTE_REQ:
      return `last ${briefId(message.last)}${message.transfer ? ", transfer" : ""}`;
    case MESSAGE_KIND.VOTE_RESP:
    case MESSAGE_KIND.PRE_VOTE_RESP:
      return message.rejected ? "rejects" : "grants";
    case MESSAGE_KIND.SNAP:
      return briefId(message.snapshot.id);
    case MESSAGE_KIND.HEARTBEAT:
      return `commit ${message.commit}${message.readRound > 0 ? `, round ${message.readRound}` : ""}`;
    case MESSAGE_KIND.HEARTBEAT_RESP:
      return message.readRound > 0 ? `round ${message.readRound}` : "";
    case MESSAGE_KIND.READ_INDEX:
      return `context ${message.context}`;
    case MESSAGE_KIND.READ_INDEX_RESP:
      return `context ${message.context} at ${message.index}`;
    case MESSAGE_KIND.PROP:
      return `${message.proposals.length}`;
    case MESSAGE_KIND.TRANSFER_LEADER:
      return `target ${message.target}`;
    default:
      return "";
  }
}
