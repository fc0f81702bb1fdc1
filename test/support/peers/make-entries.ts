import { logIndex, term } from "../../../engine/core/ids.js";
import type { Entry } from "../../../engine/raft/types.js";
import { ENTRY_TYPE } from "../../../engine/raft/types.js";

/** Entries of term 5 from index 100 on, each with so many bytes of its own. */
export function makeEntries(count: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    return {
      term: term(5),
      index: logIndex(100 + i),
      type: ENTRY_TYPE.NORMAL,
      payload: new Uint8Array(bytes).fill(i),
    };
  });
}
