import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../../../engine/core/ids.js";
import { encodeConfChange } from "../../../../engine/raft/conf-change-codec.js";
import { CONF_CHANGE, CONF_CHANGE_TRANSITION, ENTRY_TYPE } from "../../../../engine/raft/types.js";
import { emptyLogDisk } from "../../../support/consensus/fake-log-thread.js";
import { HostRig } from "../../../support/consensus/host-rig.js";
import { LONE_CONF_STATE, LONE_ID } from "../../../support/raft/lone-voter.js";

test("a change of membership in the log's tail is committed and applied through the core", () => {
  const logDisk = emptyLogDisk();
  const change = {
    transition: CONF_CHANGE_TRANSITION.AUTO,
    steps: [{ type: CONF_CHANGE.UPDATE, nodeId: LONE_ID }],
    context: new Uint8Array(0),
  };
  const payload = encodeConfChange(change);
  logDisk.log.write([{ index: logIndex(1), term: term(1), type: ENTRY_TYPE.CONF_CHANGE_V2, payload }]);
  logDisk.hardState = { term: term(1), vote: LONE_ID, commit: logIndex(0) };
  const rig = new HostRig({ logDisk });
  const seen: [number, unknown][] = [];
  const { machine } = rig;
  const applyConfChange = machine.applyConfChange.bind(machine);
  machine.applyConfChange = (index, entryTerm, confState) => {
    seen.push([index, confState]);
    applyConfChange(index, entryTerm, confState);
  };
  rig.host.start();
  rig.settle(() => rig.host.leadership.leaderReady);
  assert.deepEqual(seen, [[1, LONE_CONF_STATE]]);
  rig.propose(5);
  rig.settle();
  assert.deepEqual(rig.outcomes, [[5, 0]]);
});
