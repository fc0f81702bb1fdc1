import { createInterface } from "node:readline";

/** Where a command reads and writes. Results go out, everything else to the error stream. */
export interface CommandIo {
  /** Writes a line of the result. */
  out(line: string): void;
  /** Resolves when the reader of the result has taken most of what was written. Long results wait for it
   * now and then: what a slow reader leaves stays in memory. */
  drained(): Promise<void>;
  /** Writes a line for people: errors, hints, progress. */
  err(line: string): void;
  /** Replaces the last line of progress; shown on terminals only. An empty text removes it. */
  progress(text: string): void;
  /** The lines of standard input. */
  inputLines(): AsyncIterable<string>;
  /** Environment for the configuration; undefined = the process's own. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
}

/** A command's streams at the end of the process. */
export interface ProcessIo extends CommandIo {
  /** Resolves when everything has left the process; `process.exit` would cut it off. */
  flush(): Promise<void>;
}

/** The process's own streams. */
export function processIo(): ProcessIo {
  const { stdin, stdout, stderr } = process;
  // A reader that has seen enough (`| head`) closes the pipe: that ends us quietly, as it does other
  // programs.
  stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return {
    out: (line) => stdout.write(`${line}\n`),
    drained: () => {
      if (!stdout.writableNeedDrain) return Promise.resolve();
      return new Promise((resolve) => stdout.once("drain", resolve));
    },
    flush: async () => {
      for (const stream of [stdout, stderr]) {
        await new Promise<void>((resolve) => stream.write("", () => resolve()));
      }
    },
    err: (line) => stderr.write(`${line}\n`),
    progress: (text) => {
      if (stderr.isTTY === true) stderr.write(`\r\x1b[K${text}`);
    },
    inputLines: () => createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY }),
    env: undefined,
  };
}
