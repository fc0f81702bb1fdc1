import { createInterface } from "node:readline";

/** Where a command reads and writes. Results go out, everything else to the error stream. */
export interface CommandIo {
  /** Writes a line of the result. */
  out(line: string): void;
  /** Writes a line for people: errors, hints, progress. */
  err(line: string): void;
  /** Replaces the last line of progress; shown on terminals only. An empty text removes it. */
  progress(text: string): void;
  /** The lines of standard input. */
  inputLines(): AsyncIterable<string>;
  /** Environment for the configuration; undefined = the process's own. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
}

/** The process's own streams. */
export function processIo(): CommandIo {
  const { stdin, stdout, stderr } = process;
  // A reader that has seen enough (`| head`) closes the pipe: that ends us quietly, as it does other
  // programs.
  stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return {
    out: (line) => stdout.write(`${line}\n`),
    err: (line) => stderr.write(`${line}\n`),
    progress: (text) => {
      if (stderr.isTTY === true) stderr.write(`\r\x1b[K${text}`);
    },
    inputLines: () => createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY }),
    env: undefined,
  };
}
