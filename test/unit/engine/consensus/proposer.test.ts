import assert from "node:assert/strict";
import { test } from "node:test";
import { ProposalQueue } from "../../../../engine/consensus/proposal-queue.js";
import { Proposer, type ProposerParts } from "../../../../engine/consensus/proposer.js";
import { note } from "../../../support/consensus/counting-state.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

const LIMITS = { batchBytesMax: 4096, entryBytesMax: 8192, inflightCountMax: 100, inflightBytesMax: 65536 };

test("nothing is held any more when what waited was refused: the office may end at any moment", () => {
  const clock = new ManualScheduler();
  const proposals = new ProposalQueue(clock, LIMITS);
  const parts = {
    clock,
    proposals,
    core: { isTransferring: false },
    pipeline: { unansweredCount: 0 },
    flusher: { onApplied: () => {} },
    stateMachine: { dirtyBytes: () => 1000 },
    office: { isBeingHandedOver: false },
    counters: { heldTurns: 0 },
  } as unknown as ProposerParts;
  const proposer = new Proposer(parts, 999);
  proposals.add(note(1), () => {});
  proposer.propose();
  assert.notEqual(proposer.heldSinceMs, undefined);
  for (const batch of proposals.take()) proposals.settle(batch);
  assert.equal(proposer.heldSinceMs, undefined);
});
