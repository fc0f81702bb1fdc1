import type { SERVICE } from "../../protocol/schema/records.js";
import type { ValueOfRecord } from "../../protocol/schema/types.js";

export type ServiceStatus = ValueOfRecord<typeof SERVICE>["status"];

/** Work that an SCM does by itself, on a timer or an event (spec 07 §7). It calls the pure rules of
 * `engine/cluster`; whatever it remembers of an earlier term it forgets when it is told of the end of that
 * term. Operating errors may be thrown as StrataError: they are logged and other services go on. */
export interface Service {
  /** As in metrics and `scmInfo`: short, unique, never changed. */
  readonly name: string;
  /** Called once, before the first `onStatus`. Nothing is decided before that. */
  start(): void;
  /** Called once. When it returns, or the promise resolves, nothing of the service runs any more. */
  stop(): void | Promise<void>;
  /** This SCM's standing, at start and after each change. Between two terms as leader there is always a call
   * with `leaderReady` false. */
  onStatus(leaderReady: boolean, safeMode: boolean): void;
  status(): Exclude<ServiceStatus, "FAILED">;
}
