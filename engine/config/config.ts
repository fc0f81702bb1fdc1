import type { GroupConfig } from "./group.js";
import type { ConfigValues } from "./schema.js";

/** One line of /conf. */
export interface EffectiveEntry {
  readonly key: string;
  /** As text, variables expanded; `******` when redacted. */
  readonly value: string;
  /** `default`, a file name, or `-D`. */
  readonly origin: string;
  /** Whether this release reads the key. */
  readonly used: boolean;
  readonly redacted: boolean;
}

/** The checked configuration: frozen, passed by constructor. Times are ms, sizes bytes; the limits have been
 * checked against each other; `workers.shardCount` is resolved (never 0). */
export interface Config extends ConfigValues {
  readonly group: GroupConfig;
  /** What was accepted but should be changed: old names, times without a unit. */
  readonly warnings: readonly string[];
  /** Every key that was set or that this release reads, by name; for /conf and --print-config. */
  effective(): readonly EffectiveEntry[];
  /** 16 hex digits over the values that this release reads, for bench reports. */
  hash(): string;
}
