import assert from "node:assert/strict";
import { test } from "node:test";
import { ProposalQueue } from "../../../../engine/consensus/proposal-queue.js";
import { Proposer, type ProposerParts } from "../../../../engine/consensus/proposer.js";
import { note } from "../../../support/consensus/counting-state.js";
import { ManualScheduler } from "../../../support/consensus/manual-scheduler.js";

const LIMITS = { batchBytesMax: 4096, entryBytesMax: 8192, inflightCountMax: 100, inflightBytesMax: 65536 };

/** Leads others, with a disk that is free. */
function newProposer(overrides: object, dirtyBytesMax: number) {
  const scheduler = new ManualScheduler();
  const proposals = new ProposalQueue(scheduler, LIMITS);
  let turnCount = 0;
  const proposed: number[] = [];
  const parts = {
    clock: scheduler,
    scheduler,
    proposals,
    core: {
      isTransferring: false,
      propose: (payloads: readonly Uint8Array[]) => {
        proposed.push(payloads.length);
        return { kind: "accepted", first: 1 };
      },
    },
    applying: { expectedSinceMs: undefined, expect: () => {} },
    pipeline: { unansweredCount: 0 },
    flusher: { onApplied: () => {} },
    stateMachine: { dirtyBytes: () => 0 },
    office: { isBeingHandedOver: false },
    counters: { heldTurns: 0, entries: 0 },
    scheduleTurn: () => turnCount++,
    ...overrides,
  } as unknown as ProposerParts;
  const proposer = new Proposer(parts, dirtyBytesMax);
  return { proposer, proposals, scheduler, proposed, turns: () => turnCount };
}

test("with others, what was gathered waits for the clients just answered, until its time is over", () => {
  const { proposer, proposals, scheduler, proposed, turns } = newProposer({}, 999);
  proposer.hasOthers = true;
  proposer.onApplied(64);
  proposals.add(note(1), () => {});
  proposer.propose();
  assert.deepEqual(proposed, []);
  assert.equal(turns(), 0);
  scheduler.advance(2);
  assert.equal(turns(), 1);
  proposer.propose();
  assert.deepEqual(proposed, [1]);
});

test("what waited for an entry under way waits for the clients from then on that it answers", () => {
  const applying = { expectedSinceMs: undefined as number | undefined, expect: () => {} };
  const { proposer, proposals, scheduler, proposed, turns } = newProposer({ applying }, 999);
  proposer.hasOthers = true;
  proposer.onApplied(64);
  applying.expectedSinceMs = scheduler.monotonicMs();
  proposals.add(note(1), () => {});
  proposer.propose();
  scheduler.advance(1);
  applying.expectedSinceMs = undefined;
  proposer.onApplied(64);
  proposer.propose();
  scheduler.advance(2);
  assert.equal(turns(), 1);
  proposer.propose();
  assert.deepEqual(proposed, [1]);
});

test("alone, nothing waits for clients", () => {
  const { proposer, proposals, proposed } = newProposer({}, 999);
  proposer.onApplied(64);
  proposals.add(note(1), () => {});
  proposer.propose();
  assert.deepEqual(proposed, [1]);
});

test("nothing is held any more when what waited was refused: the office may end at any moment", () => {
  const { proposer, proposals } = newProposer({ stateMachine: { dirtyBytes: () => 1000 } }, 999);
  proposals.add(note(1), () => {});
  proposer.propose();
  assert.notEqual(proposer.heldSinceMs, undefined);
  for (const batch of proposals.take()) proposals.settle(batch);
  assert.equal(proposer.heldSinceMs, undefined);
});
