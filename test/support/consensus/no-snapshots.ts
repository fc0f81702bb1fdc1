import type { Snapshots } from "../../../engine/consensus/snapshots.js";
import { AssertionError } from "../../../engine/core/assert.js";

/** For a host that keeps its whole log. */
export const NO_SNAPSHOTS: Snapshots = {
  sender: {
    snapshot: () => "pending",
    send: () => {
      throw new AssertionError("no snapshots here");
    },
    neededIndex: () => undefined,
    cancelAll: () => {},
  },
  receiver: {
    onArrived: () => {},
    install: () => {},
    discard: () => {},
    sources: [],
  },
  onStateRecord: () => false,
  stop: () => {},
};
