import { assert } from "../../../../engine/core/assert.js";
import { StrataError } from "../../../../engine/core/errors.js";
import type { SeededRandom } from "../../../../engine/core/random.js";
import type { Uuid } from "../../../../engine/core/uuid.js";
import { memberIds } from "../../../../engine/raft/conf-change.js";
import { AdminClient } from "../../../../protocol/client/admin-client.js";
import type { RpcError } from "../../../../protocol/client/completion.js";
import type { RequestOf } from "../../../../protocol/schema/messages.js";
import type { SimWorld } from "../sim-world.js";
import { pick } from "./options.js";
import type { SimGroup } from "./sim-group.js";
import type { SimScm } from "./sim-scm.js";
import type { SimTrace } from "./trace.js";

const NAME = "oper";
const HOST = "10.201.0.1";
const SIZE_MAX = 6;
const MACHINES_MAX = 12;
const RETRY_MS = 500;

export interface OperatorParts {
  readonly world: SimWorld;
  readonly group: SimGroup;
  readonly trace: SimTrace;
  readonly random: SeededRandom;
  /** Somebody is there, or is no more. */
  readonly onChanged: () => void;
}

/** Those who let SCMs join, and leave, and lead; and who replace one whose disk is lost. */
export class Operators {
  readonly #parts: OperatorParts;
  #clientCount = 0;
  /** To be removed, whatever it takes. */
  readonly #lost = new Set<SimScm>();
  readonly #joining = new Set<SimScm>();
  #isRemoving = false;

  constructor(parts: OperatorParts) {
    const { world } = parts;
    this.#parts = parts;
    world.scheduler.every(RETRY_MS, () => this.#removeLost());
  }

  /** What they are busy with; undefined when nothing. */
  get unrest(): string | undefined {
    const [lost] = this.#lost;
    if (lost !== undefined) return `${lost.name} is to be removed`;
    const [joining] = this.#joining;
    return joining === undefined ? undefined : `${joining.name} is to join`;
  }

  transfer(): void {
    const { group, random } = this.#parts;
    const target = random.below(3) === 0 ? undefined : pick(random, group.present);
    const scmId = target?.scmId;
    this.#line(`transfers leadership to ${target?.name ?? "anyone"}`);
    const request: { readonly scmId?: Uuid } = scmId === undefined ? {} : { scmId };
    const client = this.#connect();
    client.read<"transferLeadership">("transferLeadership", request, {
      succeeded: () => {
        client.close();
        this.#line("transfer: done");
      },
      failed: (error) => {
        client.close();
        this.#line(`transfer: ${error.code}`);
      },
    });
  }

  /** One SCM more, or less. */
  change(): void {
    const { random, group } = this.#parts;
    const { length } = group.present;
    if (length >= SIZE_MAX || (length > 1 && random.below(2) === 0)) this.#removeAny();
    else this.grow();
  }

  /** A new machine joins. */
  grow(): void {
    const { group } = this.#parts;
    if (group.all.length >= MACHINES_MAX || this.#joining.size > 0) return;
    const scm = group.add();
    scm.joinService(group.present);
    this.#joining.add(scm);
    this.#line(`lets ${scm.name} join`);
    this.#join(scm);
  }

  /** Its disk is lost: it never takes part again. */
  replace(scm: SimScm): void {
    this.#line(`replaces ${scm.name}`);
    this.#lost.add(scm);
  }

  /** The group says that it is none of its members. */
  wasRemoved(scm: SimScm): void {
    const { group, onChanged } = this.#parts;
    const isMember = memberIds(group.journal.confState).includes(scm.nodeId);
    assert(!isMember, `${scm.name} was told that it is no member`);
    this.#lost.delete(scm);
    scm.isRetired = true;
    onChanged();
  }

  #join(scm: SimScm): void {
    scm.bootstrap().then(
      () => {
        this.#joining.delete(scm);
        scm.start();
      },
      (error: unknown) => {
        if (!(error instanceof StrataError)) throw error;
        this.#line(`${scm.name} does not get in: ${error.code}`);
        this.#parts.world.scheduler.after(RETRY_MS, () => this.#join(scm));
      },
    );
  }

  #removeAny(): void {
    const { group, random } = this.#parts;
    const scm = pick(random, group.present);
    if (scm.scmId === undefined || this.#lost.has(scm)) return;
    this.#line(`removes ${scm.name}`);
    this.#remove(scm, random.below(2) === 0, () => {});
  }

  #removeLost(): void {
    const [scm] = this.#lost;
    if (scm === undefined || this.#isRemoving) return;
    this.#isRemoving = true;
    this.#remove(scm, true, () => {
      this.#isRemoving = false;
    });
  }

  #remove(scm: SimScm, force: boolean, onEnd: () => void): void {
    const { group } = this.#parts;
    const { scmId } = scm;
    assert(scmId !== undefined, `${scm.name} was never a member`);
    const request: RequestOf<"decommissionScm"> = { scmId, force };
    const client = this.#connect();
    client.read<"decommissionScm">("decommissionScm", request, {
      succeeded: () => {
        onEnd();
        if (scm.isRetired) return;
        this.#line(`has removed ${scm.name}`);
        const isReplaced = this.#lost.has(scm);
        scm.crash("process");
        this.wasRemoved(scm);
        if (isReplaced || group.present.length < 2) this.grow();
      },
      failed: (error: RpcError) => {
        onEnd();
        this.#line(`cannot remove ${scm.name}: ${error.code}`);
      },
    });
  }

  /** Like one who calls the command line, which knows who is there now. */
  #connect(): AdminClient {
    const { world, group, random } = this.#parts;
    const environment = {
      clock: world.clock,
      scheduler: world.scheduler,
      random: random.stream(`client ${++this.#clientCount}`),
      network: world.network.network(HOST),
    };
    return new AdminClient(environment, {
      endpoints: group.endpoints,
      clientName: NAME,
      handshakeTimeoutMs: 3_000,
      timeoutMs: 5_000,
      attemptTimeoutMs: 2_000,
    });
  }

  #line(text: string): void {
    this.#parts.trace.line(NAME, text);
  }
}
