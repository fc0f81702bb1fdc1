import { assert } from "../../../../engine/core/assert.js";
import { DEFAULT_PEER_LIMITS } from "../../../../engine/peers/peer-limits.js";
import { ROLE } from "../../../../engine/raft/types.js";
import { RAFT_PATH } from "../../../../protocol/schema/peer-messages.js";
import type { SimWorld } from "../sim-world.js";
import type { SimGroup } from "./sim-group.js";

/** Three election timeouts, and what a start takes. */
export const LEADER_MS_MAX = 3_500;
/** By then who dialled has hung up because nothing arrives: all pings that may stay without an answer, and
 * the one after them (docs/PROTOCOL.md, "Members of the Raft group", 4). */
export const SILENT_MS_MAX = (DEFAULT_PEER_LIMITS.silentPingsMax + 1) * DEFAULT_PEER_LIMITS.pingIntervalMs;

/** How long a group may be without a leader once there are no more faults. */
export class LeaderLimit {
  readonly #world: SimWorld;
  readonly #group: SimGroup;
  /** When the last connection between members that is silent now has been noticed. */
  readonly #heardMs: number;
  #fromMs: number;
  #confIndex: number;
  #splitTerm = 0;

  constructor(world: SimWorld, group: SimGroup) {
    this.#world = world;
    this.#group = group;
    const awake = group.present.map(({ awakeSinceMs }) => awakeSinceMs).filter(Number.isFinite);
    this.#fromMs = Math.max(world.scheduler.nowMs, ...awake);
    const silent = silentSinceMs(world, group);
    // Who stands still does not count its pings.
    this.#heardMs = silent === undefined ? 0 : Math.max(silent, ...awake) + SILENT_MS_MAX;
    this.#confIndex = group.journal.confIndex;
  }

  /** From then on nothing stands in the way of an election, but for connections that are silent. */
  get fromMs(): number {
    return this.#fromMs;
  }

  /** Whether somebody leads; throws when nobody has for too long. */
  look(): boolean {
    const { leader, journal } = this.#group;
    const { nowMs } = this.#world.scheduler;
    if (leader !== undefined && nowMs >= this.#fromMs) return true;
    // A leader may end its office by what it found in its log.
    if (journal.confIndex !== this.#confIndex) this.#fromMs = Math.max(this.#fromMs, nowMs);
    this.#confIndex = journal.confIndex;
    // Two that stand at the same moment have one vote each, by chance: then they draw again.
    const term = splitTermOf(this.#group);
    if (term > this.#splitTerm) this.#fromMs = Math.max(this.#fromMs, nowMs);
    this.#splitTerm = Math.max(this.#splitTerm, term);
    const untilMs = Math.max(this.#fromMs, this.#heardMs) + LEADER_MS_MAX;
    assert(nowMs < untilMs, `nobody leads ${LEADER_MS_MAX} ms after everything healed`);
    return false;
  }
}

/** Since when the last connection between members is silent; who dialled it has not noticed yet. No end of
 * the faults mends it: the vote that was sent over it is lost, and so is each one after it. */
function silentSinceMs({ network }: SimWorld, { present }: SimGroup): number | undefined {
  const hosts = new Set(present.map(({ host }) => host));
  const since = network.connections
    .filter(({ path }) => path === RAFT_PATH)
    .filter(({ clientHost, serverHost }) => hosts.has(clientHost) && hosts.has(serverHost))
    .map((connection) => connection.silentSinceMs)
    .filter((ms) => ms !== undefined);
  return since.length === 0 ? undefined : Math.max(...since);
}

/** The highest term in which two are candidates now, 0 when there is none. */
function splitTermOf(group: SimGroup): number {
  const terms = new Set<number>();
  let split = 0;
  for (const { running } of group.present) {
    const status = running?.raft.status();
    if (status?.softState.role !== ROLE.CANDIDATE) continue;
    const { term } = status.hardState;
    if (terms.has(term)) split = Math.max(split, term);
    terms.add(term);
  }
  return split;
}
