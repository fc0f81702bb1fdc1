import { type Command, InvalidArgumentError, Option } from "commander";
import type { Address } from "../../config/fields.js";
import { type ClientConfig, loadClientConfig } from "../../config/load.js";
import { parseAddress } from "../../config/values.js";
import type { CommandContext } from "../context.js";
import { addConfigOptions, type ConfigOptions, configSources, wholeNumber } from "../options.js";
import type { AdminConnection } from "../parts.js";
import { VERSION } from "../version.js";

/** That of `strata.ws.address`. */
const DEFAULT_PORT = 9865;
const TIMEOUT_SECONDS = 30;
const TIMEOUT_SECONDS_MAX = 86_400;

/** Options of every command that talks to an SCM. */
export interface ConnectionOptions extends ConfigOptions {
  readonly scm?: Address;
  readonly timeout: number;
}

export function addConnectionOptions(command: Command): Command {
  return addConfigOptions(command)
    .addOption(
      new Option("--scm <host:port>", "SCM to ask (default: all that are configured)").argParser(scmAddress),
    )
    .addOption(
      new Option("--timeout <seconds>", "how long to wait for an answer")
        .argParser(wholeNumber(1, TIMEOUT_SECONDS_MAX))
        .default(TIMEOUT_SECONDS),
    );
}

/** Runs `task` with a connection that is closed afterwards, whatever happens. */
export async function withConnection<T>(
  options: ConnectionOptions,
  { io, parts }: CommandContext,
  task: (connection: AdminConnection, config: ClientConfig) => Promise<T>,
): Promise<T> {
  const config = loadClientConfig(configSources(options, io));
  const connection = await parts.connectAdmin({
    endpoints: options.scm === undefined ? config.endpoints : [options.scm],
    timeoutMs: options.timeout * 1000,
    clientName: `strata admin ${VERSION}`,
  });
  try {
    return await task(connection, config);
  } finally {
    connection.close();
  }
}

function scmAddress(text: string): Address {
  const parsed = parseAddress(text, DEFAULT_PORT);
  if (parsed.ok) return parsed.value;
  throw new InvalidArgumentError(`It ${parsed.reason}.`);
}
