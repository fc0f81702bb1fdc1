/** Log levels in rising order; the last one silences everything but errors of commands. */
export const LOG_LEVELS = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a directive prints: lines of the commands and log lines of the cores, in the order in which they
 * happen. */
export class ScenarioOutput {
  level: LogLevel = "DEBUG";
  #text = "";

  get text(): string {
    return this.#text;
  }

  get isQuiet(): boolean {
    return this.level === "NONE";
  }

  write(text: string): void {
    if (!this.isQuiet) this.#text += text;
  }

  log(level: LogLevel, text: string): void {
    if (LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.level)) this.write(`${level} ${text}\n`);
  }

  clear(): void {
    this.#text = "";
  }

  /** Sets what `run` writes two spaces in, and ends it with a line feed. */
  indented(run: () => void): void {
    const before = this.#text;
    this.#text = "";
    try {
      run();
    } finally {
      const lines = this.#text.split("\n");
      if (lines.at(-1) === "") lines.pop();
      this.#text = before + lines.map((line) => `  ${line}\n`).join("");
    }
  }
}
