import type { SeededRandom } from "../../../engine/core/random.js";
import { memberIds } from "../../../engine/raft/conf-change.js";
import type { Cluster } from "./cluster.js";
import type { DamageKind } from "./log-disk.js";
import { isDurablyIn } from "./operators.js";
import { type CoreFaultName, pick } from "./options.js";
import { cutLinks, PARTITION_KINDS } from "./partitions.js";
import { isQuorum } from "./quorums.js";
import type { Replica } from "./replica.js";

/** Faults that come as events; the others befall each message. */
type EventFault = Exclude<
  CoreFaultName,
  "loss" | "duplication" | "lateness" | "reordering" | "snapshotTrouble"
>;

const DAMAGE_KINDS: readonly DamageKind[] = ["shortened", "forgottenVote", "flippedBit", "flippedStateBit"];

/** Does what the options say to a cluster, until it is calm. */
export class CoreFaults {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  /** Replicas that crash when their log thread is there next. */
  readonly #armed = new Map<number, "begin" | "end">();
  readonly counts = new Map<EventFault, number>();

  constructor(cluster: Cluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
    cluster.onSync = (replica, stage) => this.#onSync(replica, stage);
  }

  start(): void {
    const { faults } = this.#cluster.options;
    for (const [name, fault] of Object.entries(this.#faults())) {
      this.#cluster.repeat(faults[name as EventFault], this.#random.stream(name), () => {
        this.counts.set(name as EventFault, (this.counts.get(name as EventFault) ?? 0) + 1);
        fault();
      });
    }
  }

  /** Ends all that lasts: everybody runs, hears and is heard. */
  heal(): void {
    const { network, replicas } = this.#cluster;
    this.#armed.clear();
    network.heal();
    for (const replica of replicas) {
      if (replica.isUp && replica.isSlow) replica.crash();
      replica.slowClockUntil = 0;
      if (replica.state === "down") replica.start();
    }
  }

  #faults(): Readonly<Record<EventFault, () => void>> {
    const random = this.#random;
    return {
      crash: () => this.#crash(this.#victim()),
      crashAtSync: () => {
        const victim = this.#victim();
        if (victim !== undefined) this.#armed.set(victim.id, pick(random, ["begin", "end"]));
      },
      massCrash: () => {
        const sparing = random.below(3);
        for (const replica of this.#cluster.replicas.slice(sparing)) this.#crash(replica);
      },
      partition: () => this.#partition(),
      pause: () => this.#victim()?.pause(this.#duration()),
      diskStall: () =>
        this.#slow("disk", (victim, until) => {
          victim.thread.stalledUntil = until;
        }),
      applyStall: () =>
        this.#slow("apply", (victim, until) => {
          victim.applyStalledUntil = until;
        }),
      slowClock: () =>
        this.#slow("clock", (victim, until) => {
          victim.slowClockUntil = until;
        }),
      damage: () => this.#damage(),
    };
  }

  /** Any replica that runs, often the leader. */
  #victim(): Replica | undefined {
    const random = this.#random;
    const leader = this.#cluster.leader();
    if (leader !== undefined && random.below(3) === 0) return leader;
    const up = this.#cluster.replicas.filter((replica) => replica.isUp);
    return up.length === 0 ? undefined : pick(random, up);
  }

  /** In units, up to some election timeouts. */
  #duration(): number {
    return 1 + this.#random.below(5 * this.#cluster.electionTimeoutUnits);
  }

  #crash(replica: Replica | undefined): void {
    if (replica?.isUp !== true) return;
    const random = this.#random;
    replica.crash();
    // Often it is back before anybody has noticed.
    const downFor = random.below(2) === 0 ? 1 + random.below(40) : this.#duration();
    this.#cluster.after(downFor, () => {
      if (replica.state === "down") replica.start();
    });
    this.#noticeCrash(replica);
  }

  /** Connections of a dead process close at once: a hint that it leads no more (raft.md §7, H5). */
  #noticeCrash({ id }: Replica): void {
    const random = this.#random;
    if (this.#cluster.options.disturbanceRate === 0 || random.below(2) === 0) return;
    for (const peer of this.#cluster.replicas) {
      if (!peer.isUp || peer.softState.leader !== id) continue;
      this.#cluster.after(random.below(30), () =>
        peer.ask(() => {
          peer.core.forgetLeader();
          peer.core.campaign();
        }),
      );
    }
  }

  #onSync(replica: Replica, stage: "begin" | "end"): void {
    if (this.#armed.get(replica.id) !== stage) return;
    this.#armed.delete(replica.id);
    const { life } = replica;
    const delay = stage === "begin" ? this.#random.below(this.#cluster.options.syncMax) : 0;
    this.#cluster.after(delay, () => {
      if (replica.life === life) this.#crash(replica);
    });
  }

  #partition(): void {
    const random = this.#random;
    const { network, replicas } = this.#cluster;
    const ids = replicas.filter(({ state }) => state === "up" || state === "down").map(({ id }) => id);
    if (ids.length < 2) return;
    const kind = pick(random, PARTITION_KINDS);
    this.#cluster.trace.words(0, `partition: ${kind}`);
    network.heal();
    cutLinks(network, kind, ids, random);
    const duration = this.#duration();
    if (random.below(4) === 0) this.#flap(kind, ids, 10);
    else this.#cluster.after(duration, () => network.heal());
  }

  /** Comes and goes every few ticks. */
  #flap(kind: (typeof PARTITION_KINDS)[number], ids: readonly number[], count: number): void {
    const { network } = this.#cluster;
    const isCut = count % 2 === 1;
    this.#cluster.after(1 + this.#random.below(this.#cluster.electionTimeoutUnits / 2), () => {
      network.heal();
      if (this.#cluster.isCalm || count === 0) return;
      if (isCut) cutLinks(network, kind, ids, this.#random);
      this.#flap(kind, ids, count - 1);
    });
  }

  #slow(what: string, slow: (victim: Replica, until: number) => void): void {
    const victim = this.#victim();
    if (victim === undefined) return;
    this.#cluster.trace.words(victim.id, `slow ${what}`);
    slow(victim, this.#cluster.queue.now + this.#duration());
  }

  /** The fault atlas: harms a disk only while the others can do without it, whatever membership they act on,
   * and only so that recovery can see it. What the watermark does not cover yet is never taken away: Raft
   * does not survive a voter that forgets unseen. */
  #damage(): void {
    const victim = this.#victim();
    if (victim === undefined || !this.#canLose(victim)) return;
    const kind = pick(this.#random, DAMAGE_KINDS);
    victim.crash();
    const isHarmed = victim.disk.harm(kind, this.#random);
    if (isHarmed) this.#cluster.trace.words(victim.id, `disk is harmed: ${kind}`);
    this.#cluster.after(this.#duration(), () => {
      if (victim.state === "down") victim.start();
    });
  }

  #canLose(victim: Replica): boolean {
    const { replicas, checker } = this.#cluster;
    const conf = checker.newestConf;
    const members = memberIds(conf);
    if (conf.votersOutgoing.length > 0) return false;
    const isSound = (replica: Replica): boolean =>
      replica !== victim && replica.disk.damageKind === undefined && replica.state !== "retired";
    const sound = replicas.filter(isSound);
    // No change may be under way anywhere, nor on its way to a disk, nor be undone by a crash.
    const isSettled = replicas.every(({ isUp, log, disk }) => {
      const last = isUp ? Math.max(log.lastConfIndex, disk.log.lastConfIndex) : disk.log.lastConfIndex;
      return last <= checker.newestConfIndex;
    });
    if (!isSettled) return false;
    const knows = (id: number): boolean =>
      sound.some((replica) => replica.id === id && isDurablyIn(replica, checker.newestConfIndex));
    return isQuorum(conf, knows) || !members.includes(victim.id);
  }
}
