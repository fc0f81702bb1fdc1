import { type Command, InvalidArgumentError, Option } from "commander";
import type { RequestOf } from "../../../protocol/schema/messages.js";
import { CONTAINER_STATE, type ContainerState, type ReplicationType } from "../../core/enums.js";
import type { CommandContext } from "../context.js";
import { CommandError, EXIT } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { choice, replicationTypeOption, wholeNumber } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { parseReplicationOf } from "../replication-text.js";
import { jsonText } from "../text.js";
import { addConnectionOptions, type ConnectionOptions, withConnection } from "./connection.js";
import { containerJson } from "./json-shapes.js";
import { PageSize } from "./paging.js";

interface ListOptions extends ConnectionOptions {
  readonly start: number;
  readonly count: number;
  readonly all?: true;
  readonly state?: ContainerState;
  readonly type?: ReplicationType;
  readonly replication?: string;
  readonly suppressed?: boolean;
}

const COUNT = 20;
/** What the SCM answers at most at a time. */
const PAGE = 1024;

const EXAMPLES = `
Examples:
  strata admin container list
  strata admin container list --state CLOSED -t EC -r rs-6-3-1024k
  strata admin container list -s 1000 -c 100
  strata admin container list --all > containers.json`;

/** `strata admin container list` (spec 02 §15.1): a JSON array. */
export function addContainerList(parent: Command, context: CommandContext): void {
  const idNumber = wholeNumber(0, Number.MAX_SAFE_INTEGER);
  const command = parent
    .command("list")
    .description("lists containers by id as a JSON array")
    .addOption(new Option("-s, --start <id>", "first container id").argParser(idNumber).default(0))
    .addOption(
      new Option("-c, --count <n>", "how many")
        .argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER))
        .default(COUNT),
    )
    .option("-a, --all", "all of them")
    .addOption(choice("--state <state>", "only in this state", Object.keys(CONTAINER_STATE)))
    .addOption(replicationTypeOption("-t, --type <type>", "only of this replication type"))
    .option(
      "-r, --replication <config>",
      "only this: ONE, THREE, or for EC like rs-6-3-1024k; type RATIS if none is given",
    )
    .addOption(new Option("--factor <config>", "old name of --replication").hideHelp())
    .addOption(
      new Option("--suppressed <bool>", "only containers that are suppressed, or are not").argParser(
        trueOrFalse,
      ),
    )
    .option("--json", "prints JSON, as always")
    .addHelpText("after", EXAMPLES);
  addConnectionOptions(command).action(async (options: ListOptions & { readonly factor?: string }) => {
    const filter = filterOf({ ...options, replication: options.replication ?? options.factor });
    await withConnection(options, context, async (connection, config) => {
      const { containerListCountMax } = config;
      const isCapped = options.all !== true && options.count > containerListCountMax;
      if (isCapped) {
        context.io.err(
          `--count ${options.count}: only ${containerListCountMax} are shown, the limit of ` +
            "ozone.scm.container.list.max.count",
        );
      }
      const limit =
        options.all === true ? Number.POSITIVE_INFINITY : Math.min(options.count, containerListCountMax);
      await printContainers(connection, { start: options.start, limit, filter }, context.io);
    });
  });
}

type ContainerFilter = Omit<RequestOf<"listContainers">, "startContainerId" | "countMax">;

type FilterOptions = Pick<ListOptions, "state" | "type" | "suppressed"> & {
  readonly replication: string | undefined;
};

function filterOf({ state, type, replication, suppressed }: FilterOptions): ContainerFilter {
  const wantedType = type ?? (replication === undefined ? undefined : "RATIS");
  const wanted =
    replication === undefined ? undefined : parseReplicationOf(wantedType ?? "RATIS", replication);
  if (replication !== undefined && wanted === undefined) {
    throw new CommandError(`--replication ${replication} is not one of type ${wantedType}`, EXIT.USAGE);
  }
  return {
    ...(state === undefined ? {} : { state }),
    ...(suppressed === undefined ? {} : { suppressed }),
    ...(wantedType === undefined ? {} : { replicationType: wantedType }),
    ...(wanted === undefined ? {} : { replication: wanted }),
  };
}

interface Listing {
  readonly start: number;
  readonly limit: number;
  readonly filter: ContainerFilter;
}

/** Prints while it fetches, so that a listing of millions needs no memory. */
async function printContainers(connection: AdminConnection, listing: Listing, io: CommandIo): Promise<void> {
  const { limit, filter } = listing;
  let nextId = listing.start;
  let shown = 0;
  let more = true;
  let matchCount: number | undefined;
  let waiting: string | undefined;
  const pageSize = new PageSize(PAGE);
  io.out("[");
  while (more && shown < limit) {
    const startContainerId = nextId;
    const page = await pageSize.fetch(limit - shown, (countMax) =>
      connection.listContainers({ startContainerId, countMax, ...filter }),
    );
    for (const container of page.containers) {
      if (waiting !== undefined) io.out(`${waiting},`);
      waiting = jsonText(containerJson(container));
      shown++;
    }
    await io.drained();
    nextId = page.nextContainerId;
    if (startContainerId === listing.start) matchCount = page.matchCount;
    more = nextId !== 0;
  }
  if (waiting !== undefined) io.out(waiting);
  io.out("]");
  if (!more) return;
  const outOf = matchCount === undefined ? "" : ` out of ${matchCount}`;
  io.err(`Displaying ${shown}${outOf} containers. Container list has more containers.`);
}

function trueOrFalse(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new InvalidArgumentError("Must be true or false.");
}
