import { type Command, InvalidArgumentError, Option } from "commander";
import type { ConfigSources } from "../config/load.js";
import { REPLICATION_TYPE } from "../core/enums.js";
import type { CommandIo } from "./io.js";

/** Options of every command that reads the configuration. */
export interface ConfigOptions {
  readonly config?: string;
  readonly define?: readonly string[];
}

export function addConfigOptions(command: Command): Command {
  return command
    .option("--config <dir>", "directory of ozone-site.xml (default: $OZONE_CONF_DIR)")
    .option("-D, --define <key=value>", "sets a configuration key; may be repeated", gather);
}

export function configSources(options: ConfigOptions, io: CommandIo): ConfigSources {
  return { configDir: options.config, overrides: options.define, env: io.env };
}

function gather(word: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), word];
}

/** An option whose value is one of `choices` in any case. */
export function choice(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, `${description}: ${choices.join(", ")}`).argParser(oneOf(choices));
}

/** A replication type; STANDALONE, too, as configurations are written. */
export function replicationTypeOption(flags: string, description: string): Option {
  const types = Object.keys(REPLICATION_TYPE);
  const parse = oneOf(types);
  return choice(flags, description, types).argParser((text: string) =>
    parse(text.toUpperCase() === "STANDALONE" ? "STAND_ALONE" : text),
  );
}

function oneOf(choices: readonly string[]): (text: string) => string {
  return (text) => {
    const found = choices.find((candidate) => candidate === text.toUpperCase());
    if (found === undefined) throw new InvalidArgumentError(`Allowed are ${choices.join(", ")}.`);
    return found;
  };
}

/** Parses a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Must be a whole number from ${min} to ${max}.`);
  };
}

/** Parses a whole number of 64 bits. */
export function wholeNumber64(text: string): bigint {
  const value = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value !== undefined && value < 2n ** 64n) return value;
  throw new InvalidArgumentError("Must be a whole number below 2^64.");
}
