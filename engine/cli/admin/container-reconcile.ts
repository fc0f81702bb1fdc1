import type { Command } from "commander";
import type { ContainerRecord, ReplicaRecord } from "../../../protocol/schema/records.js";
import type { ContainerId } from "../../core/ids.js";
import type { CommandContext } from "../context.js";
import { EXIT, printError } from "../exit-code.js";
import type { AdminConnection } from "../parts.js";
import { replicationJson } from "../replication-text.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { readContainerIds } from "./container-ids.js";
import { forEachContainer, HolderDetails, type Holders } from "./replica-holders.js";

interface ReconcileOptions extends ConnectionOptions {
  readonly status?: true;
  readonly json?: true;
}

const HELP = `
Only closed containers of type RATIS with more than one replica can be reconciled. The datanodes work on it
by themselves; --status shows, in JSON, whether the checksums of the replicas match by now.

Examples:
  strata admin container reconcile 17 18
  strata admin container reconcile --status 17
  strata admin container reconcile - < ids.txt`;

/** `strata admin container reconcile` (spec 02 §12, §15.1). */
export function addContainerReconcile(parent: Command, context: CommandContext): void {
  const command = parent
    .command("reconcile")
    .description("lets the replicas of containers repair each other")
    .argument("<id...>", "container ids, or - to read them from standard input")
    .option("--status", "changes nothing and shows the checksums of the replicas")
    .option("--json", "prints JSON")
    .addHelpText("after", HELP);
  addConnectionOptions(command).action(async (words: readonly string[], options: ReconcileOptions) => {
    const ids = await readContainerIds(words, context.io);
    await withConnection(options, context, async (connection) => {
      if (options.status === true) await printStatus(connection, ids, context);
      else await trigger(connection, ids, options, context);
    });
  });
}

async function trigger(
  connection: AdminConnection,
  ids: readonly ContainerId[],
  { json }: ReconcileOptions,
  { io, end }: CommandContext,
): Promise<void> {
  const triggered: Record<string, unknown>[] = [];
  await forEachContainer(
    ids,
    async (containerID) => {
      const { commandCount } = await connection.reconcileContainer({ containerId: containerID });
      triggered.push({ containerID, datanodesTold: commandCount });
      if (json === true) return;
      io.out(`Reconciliation of container ${containerID} begins on ${commandCount} datanode(s).`);
      io.out(`How its replicas are: strata admin container reconcile --status ${containerID}`);
    },
    (error) => {
      printError(io, error);
      end(EXIT.FAILED);
    },
  );
  if (json === true) io.out(jsonText(triggered));
}

/** An array, each element printed when it is known. */
async function printStatus(
  connection: AdminConnection,
  ids: readonly ContainerId[],
  { io, end }: CommandContext,
): Promise<void> {
  const holders = new HolderDetails(connection);
  let waiting: string | undefined;
  io.out("[");
  await forEachContainer(
    ids,
    async (containerId) => {
      const { container } = await connection.getContainer({ containerId });
      const { type } = container.replication;
      if (type !== "RATIS") {
        io.err(`Container ${containerId} is of type ${type}: only those of type RATIS are reconciled.`);
        end(EXIT.FAILED);
        return;
      }
      const { replicas } = await connection.getContainerReplicas({ containerId });
      if (waiting !== undefined) io.out(`${waiting},`);
      waiting = jsonText(statusJson(container, replicas, await holders.fetch(replicas)));
    },
    (error) => {
      printError(io, error);
      end(EXIT.FAILED);
    },
  );
  if (waiting !== undefined) io.out(waiting);
  io.out("]");
}

function statusJson(
  { containerId, state, replication }: ContainerRecord,
  replicas: readonly ReplicaRecord[],
  holders: Holders,
): Record<string, unknown> {
  return {
    containerID: containerId,
    state,
    replicationConfig: replicationJson(replication),
    replicasMatch: new Set(replicas.map(({ dataChecksum }) => dataChecksum)).size <= 1,
    replicas: replicas.map(({ datanode, state, replicaIndex, dataChecksum }) => ({
      datanode: { hostname: holders.get(datanode)?.hostName, uuid: datanode },
      state,
      ...(replicaIndex > 0 ? { replicaIndex } : {}),
      dataChecksum: dataChecksum.toString(16),
    })),
  };
}
