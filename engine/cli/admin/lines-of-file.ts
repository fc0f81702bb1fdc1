import { createReadStream } from "node:fs";
import { CommandError } from "../exit-code.js";

/** No record is anywhere near this long; a file without line ends must not fill the memory. */
const LINE_LENGTH_MAX = 1_048_576;

/** The lines of a text file, without their ends. Throws CommandError when it cannot be read. */
export async function* linesOfFile(path: string): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 262_144 })) {
      const parts = (rest + String(chunk)).split("\n");
      rest = parts.pop() ?? "";
      if (rest.length > LINE_LENGTH_MAX) throw new CommandError(`${path}: has a line of more than 1 MB`);
      yield* parts;
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (rest !== "") yield rest;
}
