import type { Command } from "commander";
import type { ResponseOf } from "../../../protocol/schema/messages.js";
import type { CommandContext } from "../context.js";
import { CommandError, EXIT } from "../exit-code.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { containerIdArgument } from "./container-ids.js";

interface CloseOptions extends ConnectionOptions {
  readonly json?: true;
}

interface DeleteOptions extends CloseOptions {
  readonly yes?: true;
}

const CLOSE_HELP = `
An open container gets no more blocks from now on. Its datanodes are told to close it when clients have had
time to write the blocks that were given out (ozone.scm.close.container.wait.duration).

Example:
  strata admin container close 17`;

const DELETE_HELP = `
Only a container that is CLOSED or QUASI_CLOSED and of which every replica is empty is deleted; for any other
one the answer says what stands against it, and nothing is done. Without --yes nothing is done either.

Example:
  strata admin container delete 17 --yes`;

type CloseStatus = ResponseOf<"closeContainer">["status"];

/** Said when there was nothing to do; a close that begins is silent, as in the reference. */
const NOTHING_TO_DO: Readonly<Record<CloseStatus, string | undefined>> = {
  OK: undefined,
  CONTAINER_ALREADY_CLOSED: "is closed already",
  CONTAINER_ALREADY_CLOSING: "is closing already",
};

/** `strata admin container close` (spec 02 §10.2). */
export function addContainerClose(parent: Command, context: CommandContext): void {
  const command = parent
    .command("close")
    .description("closes an open container")
    .argument("<id>", "container id", containerIdArgument)
    .option("--json", "prints JSON")
    .addHelpText("after", CLOSE_HELP);
  addConnectionOptions(command).action(async (containerId: number, options: CloseOptions) => {
    const { status } = await withConnection(options, context, (connection) =>
      connection.closeContainer({ containerId }),
    );
    const text = NOTHING_TO_DO[status];
    if (options.json === true) context.io.out(jsonText({ containerID: containerId, status }));
    else if (text !== undefined) context.io.out(`Container ${containerId} ${text}.`);
  });
}

/** `strata admin container delete`: the reference has the request, and nothing that answers it. */
export function addContainerDelete(parent: Command, context: CommandContext): void {
  const command = parent
    .command("delete")
    .description("deletes a container that is empty")
    .argument("<id>", "container id", containerIdArgument)
    .option("--yes", "really deletes it: a deleted container does not come back")
    .option("--json", "prints JSON")
    .addHelpText("after", DELETE_HELP);
  addConnectionOptions(command).action(async (containerId: number, options: DeleteOptions) => {
    if (options.yes !== true) {
      throw new CommandError(
        `container ${containerId} was not deleted: a deleted container does not come back, so say --yes`,
        EXIT.USAGE,
      );
    }
    const { commandCount } = await withConnection(options, context, (connection) =>
      connection.deleteContainer({ containerId }),
    );
    if (options.json === true) {
      context.io.out(jsonText({ containerID: containerId, state: "DELETING", datanodesTold: commandCount }));
    } else {
      context.io.out(`Container ${containerId} is being deleted; ${commandCount} datanode(s) were told.`);
    }
  });
}
