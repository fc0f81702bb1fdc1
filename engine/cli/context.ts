import type { ExitCode } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import type { Parts } from "./parts.js";

/** What every command's action works with. */
export interface CommandContext {
  readonly io: CommandIo;
  readonly parts: Parts;
  /** Says how the process ends; 0 when nobody says. */
  end(exitCode: ExitCode): void;
}
