import type { Clock } from "../../engine/core/clock.js";
import type { Random } from "../../engine/core/random.js";
import type { Scheduler } from "../../engine/core/scheduler.js";
import type { FrontPort, FrontSettings } from "../shared/front-settings.js";
import type { BugReports } from "./bug-reports.js";
import type { MainLink } from "./main-connection.js";

/** What a protocol of the front may touch. */
export interface FrontContext {
  readonly settings: FrontSettings;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly main: MainLink;
  readonly bugs: BugReports;
  /** Where the front listens; known before the first call. */
  readonly ports: Readonly<Record<FrontPort, number>>;
}
