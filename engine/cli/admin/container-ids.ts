import { InvalidArgumentError } from "commander";
import { type ContainerId, containerId } from "../../core/ids.js";
import { CommandError, EXIT } from "../exit-code.js";
import type { CommandIo } from "../io.js";

/** Container ids of a command line, or one a line from standard input for `-`; each once, in order.
 * @throws CommandError that names all that are no ids */
export async function readContainerIds(words: readonly string[], io: CommandIo): Promise<ContainerId[]> {
  const texts: string[] = [];
  if (words.length === 1 && words[0] === "-") {
    for await (const line of io.inputLines()) if (line.trim() !== "") texts.push(line.trim());
  } else {
    texts.push(...words);
  }
  const wrong = texts.filter((text) => !isId(text));
  if (wrong.length > 0) {
    const list = wrong.join(" ");
    throw new CommandError(
      `Container IDs must be positive integers. Invalid container IDs: ${list}`,
      EXIT.USAGE,
    );
  }
  return [...new Set(texts.map(Number))].map((id) => containerId(id));
}

/** Parses one container id. */
export function containerIdArgument(text: string): ContainerId {
  if (isId(text)) return containerId(Number(text));
  throw new InvalidArgumentError("Must be a positive integer.");
}

function isId(text: string): boolean {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) > 0;
}
