import { type Mutant, tests } from "./mutant.js";

const RANGE = tests("test/unit/engine/cluster/sequence/id-range.test.ts");
const GROUP = tests("test/unit/engine/cluster/blocks/writable-group.test.ts");
const SERVICE = tests("test/unit/engine/services/block-service.test.ts");
const CREATION = tests("test/unit/engine/services/container-creation.test.ts");
const ANSWER = tests("test/unit/protocol/codec/block-answer.test.ts");
const BODY = tests("test/unit/engine/gateway/repeated-body.test.ts");
const AUDIT = tests("test/unit/engine/admin/allocation-audit.test.ts");
const BUDGET_SECONDS = 60;

/** Bugs of block allocation, against spec 05 §1–3 and 03 §10. */
export const BLOCK_MUTANTS: readonly Mutant[] = [
  {
    name: "id-halves-without-carry",
    bug: "the upper half of an id does not rise where the lower one runs over",
    source: "spec 05 §3",
    edits: [
      {
        file: "engine/cluster/sequence/id-range.ts",
        find: "return this.#baseHigh + Math.floor((this.#baseLow + this.#firstTaken + offset) / TWO_32);",
        replace: "return this.#baseHigh + Math.floor(this.#firstTaken * 0 + offset / TWO_32);",
      },
    ],
    catchers: [RANGE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "container-on-a-closed-pipeline",
    bug: "containers are created on pipelines that are not open",
    source: "spec 03 §3 rule 4",
    edits: [
      {
        file: "engine/cluster/pipelines/pipeline-operations.ts",
        find: '  if (pipeline.state !== "OPEN") return invalidState(pipeline, "takes no containers");\n',
        replace: "",
      },
    ],
    catchers: [CREATION],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "room-of-a-refused-container",
    bug: "a refused container keeps the room that was taken for it",
    source: "spec 03 §11.2",
    edits: [
      {
        file: "engine/services/container-creation.ts",
        find: "else room.release(reserved);",
        replace: "else return;",
      },
    ],
    catchers: [CREATION],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "block-beyond-the-container",
    bug: "a block goes into a container that has no room for it",
    source: "spec 05 §2.3 rule 5",
    edits: [
      {
        file: "engine/cluster/blocks/block-placer.ts",
        find: "this.#usedBytesMax = this.#options.containerBytes - size;",
        replace: "this.#usedBytesMax = this.#options.containerBytes - Math.min(size, 0);",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "owners-share-containers",
    bug: "an owner is given the containers of another one",
    source: "spec 05 §2.1",
    edits: [
      {
        file: "engine/services/writable-groups.ts",
        find: "containers.table.owner(container) === ownerNumber",
        replace: "containers.table.owner(container) !== -1 || ownerNumber === -1",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "exclusions-are-orders",
    bug: "a request that excludes everything there is gets nothing",
    source: "spec 03 §10.2 step 1",
    edits: [
      {
        file: "engine/services/block-service.ts",
        find: "exclusions.avoidsPipelines = false;",
        replace: "exclusions.avoidsPipelines = true;",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "unfair-draw",
    bug: "the first pipeline gets twice as many blocks as the others",
    source: "spec 03 §10.5",
    edits: [
      {
        file: "engine/cluster/blocks/choose-policy.ts",
        find: "return list[this.#random.below(list.length)] as WritablePipeline;\n  }\n}\n\n/** Uniform",
        replace:
          "return (list[this.#random.below(list.length + 1)] ?? list[0]) as WritablePipeline;\n" +
          "  }\n}\n\n/** Uniform",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "ec-pipeline-never-ends",
    bug: "a full EC container keeps its pipeline open",
    source: "spec 03 §10.3 step 2",
    edits: [
      {
        file: "engine/services/container-growth.ts",
        find: "if (isFull) this.#close(group, pipeline);",
        replace: "if (isFull && group.owner === pipeline.record.pipelineId) this.#close(group, pipeline);",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "excluded-ec-pipeline-ends",
    bug: "an EC pipeline whose container a writer avoids is closed",
    source: "spec 03 §10.3 step 2",
    edits: [
      {
        file: "engine/cluster/blocks/block-placer.ts",
        find: "if (creatingCount === 0 && !this.#keepsOpen(pipeline)) ",
        replace: "if (creatingCount === 0 || this.#keepsOpen(pipeline)) ",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "turn-lost",
    bug: "a container that leaves moves the turn of the others",
    source: "spec 03 §10.4 step 2",
    edits: [
      {
        file: "engine/cluster/blocks/writable-pipeline.ts",
        find: "    this.containers.splice(at, 1);\n    if (at < this.#next) this.#next--;\n",
        replace: "    this.containers.splice(at, 1);\n",
      },
    ],
    catchers: [GROUP],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "local-id-halves-swapped",
    bug: "the halves of a local id change places in the answer",
    source: "spec 05 §3",
    edits: [
      {
        file: "protocol/codec/block-answer.ts",
        find: "writer.u64(localIdHigh, localIdLow);",
        replace: "writer.u64(localIdLow, localIdHigh);",
      },
    ],
    catchers: [ANSWER],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "request-of-another",
    bug: "a request of the same length as the one before is taken for it",
    source: "docs/PROTOCOL.md",
    edits: [
      {
        file: "engine/gateway/repeated-body.ts",
        find: "if (bytes[i] !== message[start + i]) return false;",
        replace: "if (bytes[i] === undefined || message[start + i] === undefined) return false;",
      },
    ],
    catchers: [BODY],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "audit-forgets-refusals",
    bug: "refused allocations stand in the audit log as done",
    source: "spec 05 §2.2 step 4",
    edits: [
      {
        file: "engine/admin/allocation-audit.ts",
        find: "return line.error === error && line.owner === owner",
        replace: "return (line.error === error || error !== undefined) && line.owner === owner",
      },
    ],
    catchers: [AUDIT],
    budgetSeconds: BUDGET_SECONDS,
  },
  {
    name: "range-before-it-is-applied",
    bug: "the leader gives out the range that it expects before the log has reserved it: others get the same",
    source: "raft.md §13, HDDS-8973",
    edits: [
      {
        file: "engine/cluster/blocks/local-ids.ts",
        find: "  #missing = 0;\n\n  constructor",
        replace: "  #missing = 0;\n  #end = 0n;\n\n  constructor",
      },
      {
        file: "engine/cluster/blocks/local-ids.ts",
        find: "    this.#range.add(reservation, term);",
        replace:
          "    if (this.#end === 0n) this.#range.add(reservation, term);\n" +
          "    this.#end = reservation.first + BigInt(reservation.count);",
      },
      {
        file: "engine/cluster/blocks/local-ids.ts",
        find: "    this.#options.reserve(Math.min(",
        replace:
          "    const count = Math.min(COUNT_MAX, Math.max(this.#options.batchCount, wanted));\n" +
          "    if (this.#end > 0n) this.#range.add({ first: this.#end, count }, this.#term);\n" +
          "    this.#options.reserve(Math.min(",
      },
    ],
    catchers: [{ kind: "systemSeeds", first: 1, count: 20 }],
    budgetSeconds: 120,
  },
  {
    name: "container-id-from-memory",
    bug: "a container gets the id behind the highest that is there, and not the next one of the sequence",
    source: "verification.md S6",
    edits: [
      {
        file: "engine/cluster/containers/creation.ts",
        find: 'Number(sequences.reserve("containerId", count))',
        replace: "containers.table.highestId + 1",
      },
    ],
    catchers: [{ kind: "systemSeeds", first: 1, count: 20 }],
    budgetSeconds: 120,
  },
  {
    name: "all-waiters-in-one-turn",
    bug: "everybody who waits for blocks looks in one turn, at all pipelines if it avoids many",
    source: "architecture.md §3",
    edits: [
      {
        file: "engine/services/block-waiters.ts",
        find: "this.#hasDue() && work() < end",
        replace: "this.#hasDue() && end > 0",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: 120,
  },
  {
    name: "blocks-for-nobody",
    bug: "who waits for blocks waits on when its connection has closed",
    source: "architecture.md §3",
    edits: [
      {
        file: "engine/services/block-service.ts",
        find: "nowMs >= deadlineMs || !isWanted());",
        replace: "nowMs >= deadlineMs || (!isWanted() && nowMs < 0));",
      },
    ],
    catchers: [SERVICE],
    budgetSeconds: 60,
  },
];
