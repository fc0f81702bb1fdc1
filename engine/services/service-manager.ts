import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import type { ScmContext } from "./scm-context.js";
import type { Service, ServiceStatus } from "./service.js";

export interface ServiceManagerParts {
  readonly context: ScmContext;
  /** For the log: what a service could not do. */
  readonly onError: (service: string, error: StrataError) => void;
}

interface Entry {
  readonly service: Service;
  /** Its last call failed; the next change of status tries again. */
  hasFailed: boolean;
}

/** Starts the services in the order of their registration, tells each of them of every change of standing,
 * stops them in reverse (spec 07 §7). What one cannot do keeps no other one from its work. */
export class ServiceManager {
  readonly #parts: ServiceManagerParts;
  readonly #entries: Entry[] = [];
  #phase: "created" | "running" | "stopped" = "created";
  #unsubscribe: () => void = () => undefined;
  /** Of which the services were told last. */
  #told: { readonly leaderReady: boolean; readonly safeMode: boolean } | undefined;

  constructor(parts: ServiceManagerParts) {
    this.#parts = parts;
  }

  /** Also while the others run: it is then started at once. */
  register(service: Service): void {
    assert(this.#phase !== "stopped", "a service is registered after the stop");
    assert(!this.#entries.some((entry) => entry.service.name === service.name), `${service.name} is there`);
    const entry = { service, hasFailed: false };
    this.#entries.push(entry);
    if (this.#phase === "running") this.#start(entry);
  }

  start(): void {
    assert(this.#phase === "created", "services start once");
    this.#phase = "running";
    const { context } = this.#parts;
    this.#told = standingOf(context);
    for (const entry of this.#entries) this.#start(entry);
    this.#unsubscribe = context.subscribe(() => this.#onChange());
    // A service may have changed the standing while it started.
    this.#onChange();
  }

  /** The others stop even when one cannot. */
  async stop(): Promise<void> {
    if (this.#phase === "stopped") return;
    const wasRunning = this.#phase === "running";
    this.#phase = "stopped";
    this.#unsubscribe();
    if (!wasRunning) return;
    for (const { service } of this.#entries.toReversed()) {
      try {
        await service.stop();
      } catch (error) {
        this.#report(service, error);
      }
    }
  }

  /** In order of registration. */
  statuses(): { readonly name: string; readonly status: ServiceStatus }[] {
    return this.#entries.map(({ service, hasFailed }) => ({
      name: service.name,
      status: hasFailed ? "FAILED" : service.status(),
    }));
  }

  #start(entry: Entry): void {
    this.#call(entry, (service) => service.start());
    const { leaderReady, safeMode } = this.#told ?? standingOf(this.#parts.context);
    this.#call(entry, (service) => service.onStatus(leaderReady, safeMode));
  }

  #onChange(): void {
    const standing = standingOf(this.#parts.context);
    const told = this.#told;
    if (told?.leaderReady === standing.leaderReady && told.safeMode === standing.safeMode) return;
    this.#told = standing;
    for (const entry of this.#entries) {
      entry.hasFailed = false;
      this.#call(entry, (service) => service.onStatus(standing.leaderReady, standing.safeMode));
      // A service that changes the standing within its call has told everybody already.
      if (this.#told !== standing) return;
    }
  }

  #call(entry: Entry, task: (service: Service) => void): void {
    try {
      task(entry.service);
    } catch (error) {
      this.#report(entry.service, error);
      entry.hasFailed = true;
    }
  }

  /** Anything but an operating error is a bug of ours, which ends the process. */
  #report(service: Service, error: unknown): void {
    if (!(error instanceof StrataError)) throw error;
    this.#parts.onError(service.name, error);
  }
}

function standingOf({ leaderReady, safeMode }: ScmContext): { leaderReady: boolean; safeMode: boolean } {
  return { leaderReady, safeMode };
}
