import { setTimeout as sleep } from "node:timers/promises";
import type { PathFault } from "../../test/support/chaos/faulty-network.js";
import { FLIP } from "../../test/support/disk-faults/damage.js";
import { newestOf, walRecords } from "../../test/support/disk-faults/store-files.js";
import type { ScmMember } from "../../test/support/process/scm-group.js";
import { waitFor } from "../../test/support/wait.js";
import type { ChaosGroup } from "./chaos-group.js";
import type { Fault, Scene } from "./fault.js";
import { addMember, removeMember, transferLeadership } from "./operator.js";

const HOUR_MS = 3_600_000;
const END_LIMIT_MS = 30_000;
/** Exit code for a disk, or what is on it. */
const EXIT_STORAGE = 74;
const KIB = 1024;

/** Everything that may happen to a group. */
export const FAULTS: readonly Fault[] = [
  ...processFaults(),
  ...networkFaults(),
  ...diskFaults(),
  ...otherFaults(),
  ...operatorFaults(),
];

function fault(name: string, run: Fault["run"], more: Partial<Fault> = {}): Fault {
  return { name, isSurvivable: true, allowsOperator: true, whyNot: () => undefined, run, ...more };
}

function processFaults(): Fault[] {
  const kill = async (scene: Scene, member: ScmMember): Promise<void> => {
    await member.kill();
    await scene.hold(200, 4_000);
  };
  const freeze = async (scene: Scene, members: readonly ScmMember[], maxMs: number): Promise<void> => {
    for (const { process } of members) process.signal("SIGSTOP");
    await scene.hold(100, maxMs);
    for (const { process } of members) process.signal("SIGCONT");
  };
  return [
    fault("kill leader", async (scene) => await kill(scene, await scene.leader())),
    fault("kill follower", async (scene) => await kill(scene, await scene.follower())),
    fault("kill one after the other", async (scene) => {
      for (let i = 0; i < 3; i++) {
        const member = await scene.either();
        await member.kill();
        await scene.hold(100, 1_000);
        await scene.group.restart(member);
      }
    }),
    fault(
      "kill all",
      async ({ group }) => {
        await Promise.all(group.members.map((member) => member.kill()));
      },
      { isSurvivable: false, allowsOperator: false },
    ),
    fault(
      "kill two",
      async (scene) => {
        const first = await scene.either();
        const [second] = scene.group.others(first);
        await Promise.all([first.kill(), second?.kill()]);
        await scene.hold(200, 3_000);
      },
      { isSurvivable: false },
    ),
    fault("stop the leader's process", async (scene) => await freeze(scene, [await scene.leader()], 30_000)),
    fault(
      "stop a follower's process",
      async (scene) => await freeze(scene, [await scene.follower()], 30_000),
    ),
    fault("stop all processes", async (scene) => await freeze(scene, scene.group.members, 5_000), {
      isSurvivable: false,
      allowsOperator: false,
    }),
  ];
}

function networkFaults(): Fault[] {
  /** What is wrong from and to `member`. */
  const around = (group: ChaosGroup, member: ScmMember, there: PathFault, back: PathFault): void => {
    for (const other of group.others(member)) {
      group.network.setFault(member.name, other.name, there);
      group.network.setFault(other.name, member.name, back);
    }
  };
  const cut = { isCut: true };
  const partition = (name: string, there: PathFault, back: PathFault) =>
    fault(name, async (scene) => {
      around(scene.group, await scene.either(), there, back);
      await scene.hold(300, 8_000);
    });
  return [
    partition("isolate", cut, cut),
    fault("deaf leader", async (scene) => {
      around(scene.group, await scene.leader(), {}, cut);
      await scene.hold(300, 8_000);
    }),
    fault("mute leader", async (scene) => {
      around(scene.group, await scene.leader(), cut, {});
      await scene.hold(300, 8_000);
    }),
    partition("one cannot be heard", cut, {}),
    partition("one hears nothing", {}, cut),
    fault("bridge", async (scene) => {
      const [one, other] = scene.group.others(await scene.either());
      cutBetween(scene.group, one, other);
      await scene.hold(500, 8_000);
    }),
    fault("flapping", async (scene) => {
      const member = await scene.either();
      for (let i = 0; i < 5; i++) {
        around(scene.group, member, cut, scene.random.below(2) === 0 ? cut : {});
        await scene.hold(50, 1_200);
        scene.group.network.heal();
        await scene.hold(50, 1_200);
      }
    }),
    fault("resets", async (scene) => {
      for (let i = 0; i < 10; i++) {
        const member = await scene.either();
        for (const other of scene.group.others(member)) scene.group.network.reset(member.name, other.name);
        await sleep(scene.drawMs(20, 800));
      }
    }),
    fault("delay", async (scene) => {
      // A commit takes a round trip: it must be shorter than a client waits before it asks again.
      const delayMs = scene.drawMs(5, 60);
      scene.note(`${delayMs} ms`);
      around(scene.group, await scene.either(), { delayMs }, { delayMs });
      await scene.hold(1_000, 6_000);
    }),
    fault("throttle", async (scene) => {
      const bytesPerSecond = scene.drawMs(20_000, 500_000);
      scene.note(`${bytesPerSecond} B/s`);
      around(scene.group, await scene.either(), { bytesPerSecond }, { bytesPerSecond });
      await scene.hold(1_000, 6_000);
    }),
    fault(
      "nobody hears anybody",
      async (scene) => {
        for (const member of scene.group.members) around(scene.group, member, cut, cut);
        await scene.hold(300, 5_000);
      },
      { isSurvivable: false, allowsOperator: false },
    ),
  ];
}

function cutBetween({ network }: ChaosGroup, one: ScmMember | undefined, other: ScmMember | undefined): void {
  if (one === undefined || other === undefined) return;
  network.setFault(one.name, other.name, { isCut: true });
  network.setFault(other.name, one.name, { isCut: true });
}

function diskFaults(): Fault[] {
  const whyNot = ({ hasShims }: ChaosGroup) => (hasShims ? undefined : "there is no C compiler");
  const slow = async (scene: Scene, member: ScmMember, ms: number, maxMs: number): Promise<void> => {
    const shims = scene.group.shimsOf(member);
    shims.slowDisk(ms);
    await scene.hold(500, maxMs);
    shims.healDisk();
  };
  return [
    fault(
      "slow disk",
      async (scene) => await slow(scene, await scene.either(), scene.drawMs(5, 100), 6_000),
      {
        whyNot,
      },
    ),
    fault("stalled disk", async (scene) => await slow(scene, await scene.either(), HOUR_MS, 10_000), {
      whyNot,
    }),
    fault(
      "stalled disk of the leader",
      async (scene) => {
        await slow(scene, await scene.leader(), HOUR_MS, 10_000);
      },
      { whyNot },
    ),
    fault("full disk", fillDisk, {
      allowsOperator: false,
      whyNot: ({ onSmallDisk, smallDisk }) => {
        if (smallDisk === undefined) return "no private mount";
        return onSmallDisk === undefined ? "the member on the small disk is not in the group" : undefined;
      },
    }),
    fault("corrupted log", corruptLog, { allowsOperator: false }),
  ];
}

/** The member on the small disk runs out of room: it ends with the code that says so, or goes on without
 * writing; with room again it is as before. */
async function fillDisk(scene: Scene): Promise<void> {
  const { onSmallDisk: member, smallDisk } = scene.group;
  if (member === undefined || smallDisk === undefined) return;
  if (scene.random.below(2) === 0) await transferLeadership(scene, member);
  scene.note((await scene.group.leader()) === member ? "of the leader" : "of a follower");
  const { process } = member;
  const before = process.text.length;
  smallDisk.fill(scene.random.below(64) * KIB);
  await scene.hold(2_000, 12_000);
  smallDisk.free();
  if (process.text.slice(before).includes("the audit log cannot be written")) scene.note("audit full");
  if (member.isAlive) return;
  scene.note("ended");
  await requireEnd(member, "STORAGE_FULL");
}

/** A follower's log has changed on its disk: it says so and does not start. Then it is replaced as an
 * operator replaces a machine. */
async function corruptLog(scene: Scene): Promise<void> {
  const member = await scene.follower();
  await member.kill();
  const file = newestOf(`${member.directory}/scm/raft`, "wal");
  const records = walRecords(file);
  const record = records[scene.random.below(Math.max(1, records.length - 1))];
  if (record === undefined) {
    scene.note("no record");
    return;
  }
  FLIP.byte(file, Math.floor((record.payloadStart + record.end) / 2));
  member.spawn();
  await requireEnd(member, undefined);
  await removeMember(scene, member);
  await addMember(scene, member);
}

/** The process ends by itself because of its disk. */
async function requireEnd(member: ScmMember, code: string | undefined): Promise<void> {
  const { process } = member;
  await waitFor(`${member.name} ends by itself`, () => !process.isAlive, END_LIMIT_MS);
  const ending = await process.ended;
  if (ending.code !== EXIT_STORAGE) throw new Error(`${member.name} ended with ${JSON.stringify(ending)}`);
  if (code !== undefined && !process.text.includes(code))
    throw new Error(`${member.name} does not say ${code}`);
}

function otherFaults(): Fault[] {
  return [
    fault("nothing", async (scene) => await scene.hold(500, 2_000)),
    fault(
      "clock jumps",
      async (scene) => {
        for (let i = 0; i < 4; i++) {
          const member = await scene.either();
          const sign = scene.random.below(2) === 0 ? 1 : -1;
          scene.group.shimsOf(member).setClockOffset(sign * scene.drawMs(100, HOUR_MS));
          await scene.hold(100, 1_500);
        }
      },
      { whyNot: ({ hasShims }) => (hasShims ? undefined : "there is no C compiler") },
    ),
  ];
}

function operatorFaults(): Fault[] {
  return [
    fault(
      "transfer",
      async (scene) => {
        for (let i = 0; i < 3; i++) {
          const follower = await scene.follower();
          await transferLeadership(scene, follower);
          await scene.hold(100, 1_000);
        }
      },
      { allowsOperator: false },
    ),
    fault(
      "replace a member",
      async (scene) => {
        const member = await scene.either();
        await removeMember(scene, member);
        await addMember(scene, member);
      },
      { allowsOperator: false },
    ),
  ];
}
