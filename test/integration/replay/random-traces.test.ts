import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "../../../engine/core/random.js";
import { Player } from "../../../scripts/replay/player.js";
import type { Run } from "../../../scripts/replay/trace.js";
import { eachSeed } from "../../support/each-seed.js";
import {
  allocation,
  closeContainer,
  ecPipeline,
  event,
  heartbeat,
  type Line,
  ratisOne,
  register,
  replica,
  runOf,
  type TraceNode,
  traceNode,
} from "../../support/replay/trace-builder.js";

const NODES = [1, 2, 3].map(traceNode);
const RARE_STATES = ["CLOSING", "QUASI_CLOSED", "CLOSED", "UNHEALTHY", "INVALID", "DELETED"];
const SCENES = 25;
/** Created by each scene; what happens is about those of this scene and the one before. */
const CONTAINERS_PER_SCENE = 3;
const LINES_PER_SCENE = 6;
/** Short, so that no datanode is silent for long: a stale one would lose its pipelines, and the containers on
 * them. */
const LINE_MS = 300;

/** The SCM against the rules, in traces that no cluster would write. */
test("containers are as the rules say after any reports, actions, closes and restarts", async () => {
  await eachSeed(1, async (random) => {
    const player = new Player(randomRun(random), []);
    await player.play(() => undefined);
    const { lines } = player.differences;
    assert.deepEqual(
      // What the trace claims to be the answer to a close is made up.
      lines.filter((line) => !line.includes("answer to close")),
      [],
    );
  });
});

function randomRun(random: Random): Run {
  let atMs = 3000;
  const scenes = Array.from({ length: SCENES }, (_, scene) => {
    const lines: Line[] = scene === 0 ? begin() : [];
    const firstId = scene * CONTAINERS_PER_SCENE + 1;
    lines.push(...creation(atMs + 1, firstId));
    for (let line = 0; line < LINES_PER_SCENE; line++) {
      atMs += LINE_MS;
      lines.push(...happening({ atMs, random, firstId: Math.max(1, firstId - CONTAINERS_PER_SCENE) }));
    }
    return { ...(runOf(lines).scenes[0] as Run["scenes"][0]), name: `scene ${scene}` };
  });
  return { name: "run", scenes };
}

function begin(): Line[] {
  return [event(0, "scm-started"), ...NODES.map((node, index) => register(1000 + index, node))];
}

function creation(atMs: number, firstId: number): Line[] {
  const [a] = NODES as [TraceNode];
  return [
    allocation(atMs, [firstId, firstId + 1], ratisOne(a, 1)),
    allocation(atMs + 1, [firstId + 2], ecPipeline(NODES, 2, 1)),
  ];
}

interface Moment {
  readonly atMs: number;
  readonly random: Random;
  readonly firstId: number;
}

function happening(moment: Moment): Line[] {
  const { atMs, random } = moment;
  const node = pick(NODES, random);
  switch (random.below(16)) {
    case 0:
      return [closeContainer(atMs, moment.firstId)];
    case 1:
      return random.below(4) > 0 ? [] : restart(moment);
    case 2: {
      const containerActions = [{ containerID: anyId(moment), reason: "CONTAINER_FULL" }];
      return [heartbeat(atMs, node, { ...incremental(moment), containerActions: { containerActions } })];
    }
    case 3:
    case 4:
      return [heartbeat(atMs, node, { containerReport: { reports: rows(moment) }, ...incremental(moment) })];
    default:
      return [heartbeat(atMs, node, incremental(moment))];
  }
}

function restart(moment: Moment): Line[] {
  const { atMs } = moment;
  const registrations = NODES.map((node, index) => register(atMs + 2 + index, node, rows(moment)));
  return [event(atMs, "scm-stopped"), event(atMs + 1, "scm-started"), ...registrations];
}

function incremental(moment: Moment): object {
  return { incrementalContainerReport: [{ report: rows(moment) }, { report: rows(moment) }] };
}

/** One that exists, or the next one, which does not yet. */
function anyId({ random, firstId }: Moment): number {
  return firstId + random.below(2 * CONTAINERS_PER_SCENE + 1);
}

/** One for each container: of two, the shards decide in their own time what the first one brings about. */
function rows(moment: Moment): Line[] {
  const { random } = moment;
  const ids = new Set(Array.from({ length: random.below(5) }, () => anyId(moment)));
  return [...ids].map((id) =>
    replica(id, {
      state: random.below(2) === 0 ? "OPEN" : pick(RARE_STATES, random),
      used: random.below(5),
      keyCount: random.below(5),
      blockCommitSequenceId: random.below(4),
      replicaIndex: random.below(5),
      isEmpty: random.below(3) === 0,
    }),
  );
}

function pick<T>(values: readonly T[], random: Random): T {
  return values[random.below(values.length)] as T;
}
