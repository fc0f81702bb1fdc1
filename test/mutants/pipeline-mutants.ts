import { type Catcher, type Mutant, tests } from "./mutant.js";

const OPERATIONS = tests("test/unit/engine/cluster/pipelines/pipeline-operations.test.ts");
const REPORTS = tests("test/unit/engine/cluster/pipelines/pipeline-reports.test.ts");
const ENCODED = tests("test/unit/engine/cluster/pipelines/encoded-pipelines.test.ts");
const MANAGER = tests("test/unit/engine/services/pipeline-manager.test.ts");
const EVENTS = tests("test/unit/engine/services/pipeline-events.test.ts");
const CREATOR = tests("test/unit/engine/services/pipeline-creator.test.ts");
const SCRUBBER = tests("test/unit/engine/services/pipeline-scrubber.test.ts");
const REQUESTS = tests("test/unit/engine/admin/pipeline-requests.test.ts");

const MANAGER_FILE = "engine/services/pipeline-manager.ts";
const EVENTS_FILE = "engine/services/pipeline-events.ts";

function mutant(
  name: string,
  bug: string,
  source: string,
  edit: { readonly file: string; readonly find: string; readonly replace: string },
  ...catchers: readonly Catcher[]
): Mutant {
  return { name, bug, source, edits: [edit], catchers, budgetSeconds: 60 };
}

/** Bugs of pipelines, against spec 03 §2 to §9 and §20. */
export const PIPELINE_MUTANTS: readonly Mutant[] = [
  mutant(
    "closed-pipeline-opens-again",
    "an administrator brings a closed pipeline back to OPEN",
    "spec 03 §20 rule 1",
    {
      file: "engine/cluster/pipelines/pipeline-state.ts",
      find: 'OPEN: ["ALLOCATED", "DORMANT"]',
      replace: 'OPEN: ["ALLOCATED", "DORMANT", "CLOSED"]',
    },
    OPERATIONS,
  ),
  mutant(
    "pipeline-closes-without-its-containers",
    "open containers outlive their pipeline",
    "spec 03 §20 rule 4",
    {
      file: "engine/cluster/pipelines/pipeline-operations.ts",
      find: "  finalizeContainers(containers, pipelineId, figures, nowMs);\n",
      replace: "",
    },
    OPERATIONS,
  ),
  mutant(
    "pipelines-in-flight-do-not-count",
    "creations that are under way exceed the limits together",
    "spec 03 §5.1",
    { file: MANAGER_FILE, find: "    load.begin(inFlight);\n", replace: "" },
    MANAGER,
    { kind: "systemSeeds", first: 4, count: 1 },
  ),
  mutant(
    "failed-creation-counts-for-ever",
    "a creation without answer stays counted",
    "spec 03 §5.1",
    { file: MANAGER_FILE, find: "        load.end(inFlight);\n", replace: "" },
    MANAGER,
  ),
  mutant(
    "room-of-a-failed-container-stays-taken",
    "datanodes keep room for the container of an EC pipeline that was not created",
    "spec 03 §11.2",
    { file: MANAGER_FILE, find: "      else pending.release(reservation);\n", replace: "" },
    MANAGER,
  ),
  mutant(
    "members-are-not-told-by-the-next-leader",
    "a pipeline whose creator lost its office before it told the members never opens",
    "spec 03 §20 rule 2",
    {
      file: MANAGER_FILE,
      find: '      if (pipeline.state === "ALLOCATED") this.#tellMembers(pipeline);\n',
      replace: "",
    },
    MANAGER,
  ),
  mutant(
    "removed-pipeline-is-not-dropped",
    "members keep the Raft group of a pipeline that is gone",
    "spec 03 §9.2",
    {
      file: MANAGER_FILE,
      find: "for (const { details } of pipeline.members) this.tellToClose(details.uuid, id);",
      replace: "this.#isRunning = true;",
    },
    MANAGER,
  ),
  mutant(
    "leaderless-pipeline-is-healthy",
    "a pipeline opens before it has a leader",
    "spec 03 §2 rule 3, §19 fact 1",
    {
      file: "engine/cluster/pipelines/pipeline-reports.ts",
      find: "if (observed === undefined || this.leaderOf(pipeline) === undefined) return false;",
      replace: "if (observed === undefined) return false;",
    },
    REPORTS,
  ),
  mutant(
    "strangers-may-report",
    "whoever reports a pipeline is taken for its leader",
    "spec 03 §7 rule 2",
    {
      file: "engine/cluster/pipelines/pipeline-reports.ts",
      find: '    if (!mayReport(pipeline, sender)) return "stranger";\n',
      replace: "",
    },
    REPORTS,
  ),
  mutant(
    "pipeline-bytes-outlive-the-leader",
    "answers name a leader of before",
    "spec 12 §8.2 H9",
    {
      file: "engine/cluster/pipelines/pipeline-reports.ts",
      find: "      this.#onLeaderChanged(pipelineId);\n",
      replace: "",
    },
    ENCODED,
  ),
  mutant(
    "new-leader-does-not-look-at-datanodes",
    "pipelines of datanodes that went while nobody led stay open",
    "spec 03 §9.4",
    {
      file: EVENTS_FILE,
      find: "    for (const { slot } of this.#parts.nodes.index.all()) this.#checkLater(slot);\n",
      replace: "",
    },
    EVENTS,
  ),
  mutant(
    "follower-obeys-pipeline-actions",
    "an SCM that does not lead acts on a datanode's wish",
    "spec 03 §7",
    {
      file: EVENTS_FILE,
      find: "if (!this.#isRunning || node === undefined) return;",
      replace: "if (node === undefined) return;",
    },
    EVENTS,
  ),
  mutant(
    "moved-member-keeps-its-pipelines",
    "members dial a datanode where it is no more",
    "spec 03 §9.4",
    {
      file: EVENTS_FILE,
      find: 'fate === "remove" || hasMoved(pipeline, node)',
      replace: 'fate === "remove"',
    },
    EVENTS,
  ),
  mutant(
    "new-datanode-waits-in-safe-mode",
    "a trigger does not overrule the creator's pause",
    "spec 03 §8",
    {
      file: "engine/services/pipeline-creator.ts",
      find: "    if (this.#isWanted) return true;\n",
      replace: "",
    },
    CREATOR,
  ),
  mutant(
    "scrubber-believes-the-clock-alone",
    "a pipeline whose time lies ahead of this clock is never removed",
    "spec 03 §20 rule 3",
    {
      file: "engine/services/pipeline-scrubber.ts",
      find: "return Math.max(nowMs - seen.sinceMs, clock.wallMs() - timeMs);",
      replace: "return clock.wallMs() - timeMs;",
    },
    SCRUBBER,
  ),
  mutant(
    "repeated-creation-is-refused",
    "a client that asks again after a lost answer is told of the limit that its own pipeline has filled",
    "raft.md §13",
    {
      file: "engine/admin/pipeline-requests.ts",
      find: "respond: (body) => this.#earlier(body) ?? prepared }",
      replace: "respond: () => prepared }",
    },
    REQUESTS,
  ),
  {
    name: "unknown-pipeline-before-its-import",
    bug: "datanodes are told to drop pipelines that are not imported yet",
    source: "docs/IMPORT.md",
    edits: [
      {
        file: "engine/cluster/cluster-state.ts",
        find: "return !this.#meta.importAllowed && this.pipelines",
        replace: "return this.#meta.importAllowed !== undefined && this.pipelines",
      },
    ],
    catchers: [tests("test/unit/engine/services/pipeline-events.test.ts")],
    budgetSeconds: 60,
  },
];
