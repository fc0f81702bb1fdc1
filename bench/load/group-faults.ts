import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAdminClient } from "../../protocol/client/index.js";
import type { FaultyNetwork } from "../../test/support/chaos/faulty-network.js";
import type { Shim, Tampering } from "../../test/support/disk-faults/shim.js";
import type { ScmGroup, ScmMember } from "../../test/support/process/scm-group.js";
import type { StrataProcessOptions } from "../../test/support/process/strata-process.js";

/** A fault of the leader, and how it ends. */
export interface GroupFault {
  readonly name: string;
  readonly doc: string;
  /** Of the longest gaps that clients see in each run: the targets of their median and of the longest one. */
  readonly p50SecondsMax?: number;
  readonly secondsMax: number;
  /** How long it lasts after somebody else serves. */
  readonly lastsMs: number;
  begin(leader: ScmMember): Promise<void>;
  /** Ends it; the member takes part again soon. */
  end(leader: ScmMember): Promise<void>;
}

const RESUME_AFTER_MS = 500;
const STALL_MS = 4_000;
const STOP_LIMIT_MS = 10_000;

const kill9: GroupFault = {
  name: "kill9",
  doc: "kill -9",
  p50SecondsMax: 0.35,
  secondsMax: 1.5,
  lastsMs: 0,
  begin: (leader) => leader.kill(),
  end: async (leader) => void (await leader.start()),
};

const sigstop: GroupFault = {
  name: "sigstop",
  doc: "SIGSTOP, later SIGCONT",
  p50SecondsMax: 1.5,
  secondsMax: 3,
  lastsMs: RESUME_AFTER_MS,
  begin: async ({ process }) => process.signal("SIGSTOP"),
  end: async ({ process }) => process.signal("SIGCONT"),
};

const sigterm: GroupFault = {
  name: "sigterm",
  doc: "SIGTERM, an orderly stop",
  secondsMax: 0.3,
  lastsMs: 0,
  begin: async ({ process }) => process.signal("SIGTERM"),
  end: async (leader) => {
    const timer = setTimeout(() => void leader.kill(), STOP_LIMIT_MS);
    const { code, signal } = await leader.process.ended;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`${leader.name} ended with ${code ?? signal} after SIGTERM`);
    await leader.start();
  },
};

function transfer(group: ScmGroup): GroupFault {
  return {
    name: "transfer",
    doc: "planned transfer of leadership",
    secondsMax: 0.3,
    lastsMs: 0,
    begin: async (leader) => {
      const peers = (await leader.roles())?.peers ?? [];
      const heir = peers.find(({ role }) => role === "FOLLOWER");
      if (heir === undefined) throw new Error("there is nobody to take over");
      const client = createAdminClient({ endpoints: group.endpoints, clientName: "transfer" });
      await client.transferLeadership({ scmId: heir.scmId }).finally(() => client.close());
    },
    end: async () => {},
  };
}

/** A disk that hangs in every sync of the Raft log while its file exists. */
export class StalledDisks {
  readonly #shim: Shim;
  readonly #directory: string;

  constructor(shim: Shim, group: ScmGroup) {
    this.#shim = shim;
    this.#directory = group.directory;
  }

  /** Every process of the group needs them from its start on. */
  processOptions({ name, directory }: ScmMember): StrataProcessOptions {
    const tampering: Tampering = {
      calls: ["fsync", "fdatasync"],
      path: join(directory, "scm", "raft"),
      nth: 1,
      sleepMs: STALL_MS,
    };
    const note = join(this.#directory, `${name}.note`);
    const environment = this.#shim.environment(tampering, note, this.#armFile(name));
    const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    return { prefix: ["env", ...variables] };
  }

  fault(): GroupFault {
    return {
      name: "stall",
      doc: `a disk that hangs for ${STALL_MS / 1000} s in each sync of the Raft log`,
      p50SecondsMax: 2,
      secondsMax: 3,
      lastsMs: RESUME_AFTER_MS,
      begin: async ({ name }) => writeFileSync(this.#armFile(name), ""),
      end: async (leader) => {
        rmSync(this.#armFile(leader.name));
        // It may have ended itself.
        if (!leader.isAlive) await leader.start();
      },
    };
  }

  #armFile(name: string): string {
    return join(this.#directory, `${name}.stalled`);
  }
}

/** A leader that can be heard, and hears nobody. Its group reaches each other through `network`; clients
 * reach all of them. */
export class DeafLeader {
  readonly #network: FaultyNetwork;
  #group: ScmGroup | undefined;

  constructor(network: FaultyNetwork) {
    this.#network = network;
  }

  /** Before anything of `group` is started. */
  async join(group: ScmGroup): Promise<void> {
    this.#group = group;
    const ports = new Map<string, number>();
    for (const by of group.members) {
      for (const of of group.members) {
        if (by === of) continue;
        const port = await this.#network.portFor(by.name, of.name, of.raftPort);
        ports.set(`${by.name} ${of.name}`, port);
      }
    }
    group.raftPortOf = (by, of) => ports.get(`${by.name} ${of.name}`) ?? of.raftPort;
  }

  fault(): GroupFault {
    return {
      name: "deaf",
      doc: "a network that carries nothing to the leader",
      p50SecondsMax: 1.6,
      secondsMax: 3,
      lastsMs: RESUME_AFTER_MS,
      begin: async (leader) => {
        for (const { name } of this.#group?.members ?? []) {
          if (name !== leader.name) this.#network.setFault(name, leader.name, { isCut: true });
        }
      },
      end: async () => this.#network.heal(),
    };
  }
}

/** Those that need nothing but the processes. */
export function processFaults(group: ScmGroup): GroupFault[] {
  return [kill9, sigstop, sigterm, transfer(group)];
}
