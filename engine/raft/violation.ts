import { isRestorable } from "./conf-change.js";
import { decodeConfChange } from "./conf-change-codec.js";
import type { AppReq, Message, Prop, Snap } from "./message.js";
import { MESSAGE_KIND } from "./message.js";
import type { EntryId, EntryType } from "./types.js";
import { ENTRY_TYPE, isLocalThread } from "./types.js";

/** Terms and indexes above it are nobody's: at 10⁶ entries per second it lasts 142 years. Without it one
 * message could leave no number to count on with. */
const BELIEVABLE_MAX = 2 ** 52;

/** What a message says that no correct member says: a peer that sends it is broken, and nothing it says is
 * taken.
 *
 * In whatever state: `term`, none where one belongs, one where none does, or beyond belief; `entryId`, an
 * index without its term, a term later than the message's, or beyond belief; `entries`, that do not follow
 * each other or what is before them; `confChange`, that does not decode; `confState`, to which no changes
 * lead; `nothingProposed`.
 *
 * In this state: `otherLeader`, it speaks as leader of a term that has another; `beyondLog`, it has
 * committed or acknowledges what this node, which must have it, has not; `futureRound`, it confirms reads
 * that nobody asked it about. */
export type Violation =
  | "term"
  | "entryId"
  | "entries"
  | "confChange"
  | "confState"
  | "nothingProposed"
  | "otherLeader"
  | "beyondLog"
  | "futureRound";

/** What is wrong with the form of `message`, from a peer. O(entries). */
export function violationOfForm(message: Message): Violation | undefined {
  if (message.term > BELIEVABLE_MAX) return "term";
  switch (message.kind) {
    case MESSAGE_KIND.PROP:
      return message.term === 0 ? ofProposals(message) : "term";
    case MESSAGE_KIND.READ_INDEX:
      return message.term === 0 ? undefined : "term";
    // In the name of its sender it carries no term, passed on by a follower it does.
    case MESSAGE_KIND.TRANSFER_LEADER:
      return undefined;
    default:
      return message.term === 0 ? "term" : ofContent(message);
  }
}

function ofContent(message: Message): Violation | undefined {
  switch (message.kind) {
    case MESSAGE_KIND.APP_REQ:
      return ofAppend(message);
    case MESSAGE_KIND.SNAP:
      return ofSnapshot(message);
    case MESSAGE_KIND.APP_RESP:
      return message.index <= BELIEVABLE_MAX && isId(message.hint, message.hint.term) ? undefined : "entryId";
    case MESSAGE_KIND.VOTE_REQ:
    case MESSAGE_KIND.PRE_VOTE_REQ:
      return isId(message.last, message.term) ? undefined : "entryId";
    case MESSAGE_KIND.HEARTBEAT:
      return message.commit <= BELIEVABLE_MAX ? undefined : "entryId";
    case MESSAGE_KIND.READ_INDEX_RESP:
      return message.index <= BELIEVABLE_MAX ? undefined : "entryId";
    default:
      return undefined;
  }
}

function ofAppend({ previous, entries, commit, term }: AppReq): Violation | undefined {
  if (!isId(previous, term) || commit > BELIEVABLE_MAX) return "entryId";
  let last = previous;
  for (const entry of entries) {
    if (entry.index !== last.index + 1 || entry.term < last.term) return "entries";
    if (entry.type !== ENTRY_TYPE.NORMAL && !isConfChange(entry.type, entry.payload)) return "confChange";
    last = entry;
  }
  return isId(last, term) ? undefined : "entries";
}

function ofSnapshot({ snapshot: { id, confState }, term }: Snap): Violation | undefined {
  if (id.index === 0 || !isId(id, term)) return "entryId";
  return isRestorable(confState) ? undefined : "confState";
}

function ofProposals({ proposals }: Prop): Violation | undefined {
  if (proposals.length === 0) return "nothingProposed";
  for (const { type, payload } of proposals) {
    if (type !== ENTRY_TYPE.NORMAL && !isConfChange(type, payload)) return "confChange";
  }
  return undefined;
}

function isConfChange(type: EntryType, payload: Uint8Array): boolean {
  const change = decodeConfChange(payload);
  if (change === undefined || change.steps.some((step) => isLocalThread(step.nodeId))) return false;
  return type === ENTRY_TYPE.CONF_CHANGE_V2 || change.steps.length === 1;
}

/** Either no entry at all or one of a term up to `termMax`. */
function isId({ term, index }: EntryId, termMax: number): boolean {
  return (index === 0) === (term === 0) && term <= termMax && index <= BELIEVABLE_MAX;
}
