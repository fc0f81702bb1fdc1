import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../engine/core/random.js";
import type { HistoryRecorder } from "../../test/support/linearizability/history.js";
import type { ScmMember } from "../../test/support/process/scm-group.js";
import type { ChaosGroup } from "./chaos-group.js";

/** Something that happens to a group at work. */
export interface Fault {
  /** `--only` finds it by this. */
  readonly name: string;
  /** A majority of voters goes on all the time, so that one leads again soon. */
  readonly isSurvivable: boolean;
  /** An operator may change the membership meanwhile. */
  readonly allowsOperator: boolean;
  /** Why it cannot be had here; undefined when it can. */
  whyNot(group: ChaosGroup): string | undefined;
  /** Does it and ends it again, but for what `ChaosGroup.heal` ends. */
  run(scene: Scene): Promise<void>;
}

/** What a fault works with in its round. */
export class Scene {
  readonly group: ChaosGroup;
  readonly random: SeededRandom;
  readonly #recorder: () => HistoryRecorder;
  /** The round has failed: an operator begins nothing more. */
  isOver = false;
  /** Of what happened, for the line that is printed. */
  readonly notes: string[] = [];

  constructor(group: ChaosGroup, random: SeededRandom, recorder: () => HistoryRecorder) {
    this.group = group;
    this.random = random;
    this.#recorder = recorder;
  }

  /** What is seen in the round. */
  get recorder(): HistoryRecorder {
    return this.#recorder();
  }

  note(text: string): void {
    this.notes.push(text);
  }

  /** The leader, or one of the others, as likely. */
  async either(): Promise<ScmMember> {
    return this.random.below(2) === 0 ? await this.leader() : await this.follower();
  }

  async leader(): Promise<ScmMember> {
    const leader = await this.group.leader();
    this.note(`leader ${leader.name}`);
    return leader;
  }

  async follower(): Promise<ScmMember> {
    const others = this.group.others(await this.group.leader());
    const follower = this.pick(others);
    this.note(`follower ${follower.name}`);
    return follower;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.random.below(items.length)];
    if (item === undefined) throw new Error("nothing to choose from");
    return item;
  }

  /** A time between the two, short ones as often as long ones. */
  drawMs(minMs: number, maxMs: number): number {
    return Math.round(minMs * (maxMs / minMs) ** this.random.fraction());
  }

  /** Lets time pass. */
  async hold(minMs: number, maxMs: number): Promise<void> {
    const ms = this.drawMs(minMs, maxMs);
    this.note(`for ${(ms / 1000).toFixed(1)} s`);
    await sleep(ms);
  }
}
