import type { CommandIo } from "../../../engine/cli/io.js";
import type { AdminConnection, Parts } from "../../../engine/cli/parts.js";
import { run } from "../../../engine/cli/program.js";

/** What a command line left behind. */
export interface CliResult {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

export interface CliWorld {
  readonly parts?: Partial<Parts>;
  /** What `strata admin` talks to; calls that are missing fail the test. */
  readonly connection?: Partial<AdminConnection>;
  readonly input?: readonly string[];
}

/** Runs a command line of `strata` within this process. */
export async function runCli(words: readonly string[], world: CliWorld = {}): Promise<CliResult> {
  const out: string[] = [];
  const err: string[] = [];
  const io: CommandIo = {
    out: (line) => out.push(line),
    drained: () => Promise.resolve(),
    err: (line) => err.push(line),
    progress: () => {},
    inputLines: async function* () {
      yield* world.input ?? [];
    },
    env: {},
  };
  const exitCode = await run(words, io, { ...strictParts(world.connection), ...world.parts });
  return { exitCode, out: out.join("\n"), err: err.join("\n") };
}

function strictParts(connection: Partial<AdminConnection> | undefined): Parts {
  const refuse = (name: string) => (): never => {
    throw new Error(`the test expects no ${name}`);
  };
  return {
    startScm: refuse("startScm"),
    initialize: refuse("initialize"),
    bootstrap: refuse("bootstrap"),
    forceNewGroup: refuse("forceNewGroup"),
    verify: refuse("verify"),
    runDemo: refuse("runDemo"),
    connectAdmin: async () => strictConnection(connection ?? {}),
  };
}

/** A connection with these calls; any other one fails the test. */
export function strictConnection(given: Partial<AdminConnection>): AdminConnection {
  const refuse = (name: string) => () => Promise.reject(new Error(`the test expects no ${name}`));
  return {
    scmInfo: refuse("scmInfo"),
    scmRoles: refuse("scmRoles"),
    addScm: refuse("addScm"),
    decommissionScm: refuse("decommissionScm"),
    transferLeadership: refuse("transferLeadership"),
    listHistory: refuse("listHistory"),
    listNodes: refuse("listNodes"),
    getNode: refuse("getNode"),
    listNodeContainers: refuse("listNodeContainers"),
    listContainers: refuse("listContainers"),
    getContainer: refuse("getContainer"),
    getContainerReplicas: refuse("getContainerReplicas"),
    containerReport: refuse("containerReport"),
    closeContainer: refuse("closeContainer"),
    allocateContainer: refuse("allocateContainer"),
    deleteContainer: refuse("deleteContainer"),
    reconcileContainer: refuse("reconcileContainer"),
    listPipelines: refuse("listPipelines"),
    getPipeline: refuse("getPipeline"),
    createPipeline: refuse("createPipeline"),
    closePipeline: refuse("closePipeline"),
    activatePipeline: refuse("activatePipeline"),
    deactivatePipeline: refuse("deactivatePipeline"),
    suppressContainers: refuse("suppressContainers"),
    import: refuse("import"),
    endImport: refuse("endImport"),
    close: () => {},
    ...given,
  };
}
