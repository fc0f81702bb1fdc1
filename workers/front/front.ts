import type { Clock } from "../../engine/core/clock.js";
import type { Random } from "../../engine/core/random.js";
import type { Timer } from "../../engine/core/scheduler.js";
import type { FrontBug } from "../shared/front-bug.js";
import type { FrontFigures } from "../shared/front-figures.js";
import { FRONT_RECORD, sendFrontPorts, sendFrontRecord } from "../shared/front-records.js";
import type { FrontPort, FrontSettings } from "../shared/front-settings.js";
import type { EventedContext, EventedRole } from "../shared/run-evented-worker.js";
import { BugReports } from "./bug-reports.js";
import { figuresOf } from "./front-figures.js";
import { RingMainLink } from "./main-link.js";
import { PROTOCOLS } from "./protocols.js";
import { RingLink } from "./ring-link.js";
import type { HadoopProtocol } from "./rpc/call.js";
import { HadoopServer } from "./rpc/hadoop-server.js";

const PORT_NAMES = ["client", "datanode", "block"] as const satisfies readonly FrontPort[];
/** How often main is told what was counted. */
const FIGURES_MS = 1000;

/** The Hadoop RPC gateway: serves the ports of spec 12 §2.7 as a client of the SCM on main. */
export class Front implements EventedRole {
  readonly #worker: EventedContext;
  readonly #ring: RingLink;
  readonly #server: HadoopServer;
  readonly #bugs: BugReports;
  /** Filled in as the ports are opened. */
  readonly #ports: Record<FrontPort, number> = { client: 0, datanode: 0, block: 0 };
  readonly #protocols: Readonly<Record<FrontPort, readonly HadoopProtocol[]>>;
  #figures: Timer | undefined;

  constructor(worker: EventedContext, clock: Clock, random: Random) {
    const settings = worker.data as FrontSettings;
    const { scheduler } = worker;
    this.#worker = worker;
    this.#server = new HadoopServer({ settings, clock, scheduler });
    this.#ring = new RingLink(worker, (isBlocked) => this.#server.setPaused(isBlocked));
    this.#bugs = new BugReports(clock, (bug) => this.#tell(FRONT_RECORD.BUG, bug));
    const main = new RingMainLink({ clock, random, scheduler }, this.#ring, settings.clusterId);
    const context = { settings, clock, scheduler, random, main, bugs: this.#bugs, ports: this.#ports };
    const create = (port: FrontPort) => PROTOCOLS[port].map((make) => make(context));
    this.#protocols = { client: create("client"), datanode: create("datanode"), block: create("block") };
  }

  async start(): Promise<void> {
    for (const name of PORT_NAMES) {
      this.#ports[name] = await this.#server.listen(name, this.#protocols[name]);
    }
    sendFrontPorts(this.#worker.sender, this.#ports);
    this.#figures = this.#worker.scheduler.every(FIGURES_MS, () => this.#sendFigures());
  }

  onRecord(kind: number, offset: number, payloadBytes: number): void {
    this.#ring.onRecord(kind, offset, payloadBytes);
  }

  onBatchEnd(): void {
    this.#server.flush();
  }

  async stop(): Promise<void> {
    this.#figures?.cancel();
    await this.#server.close();
    for (const protocol of this.#allProtocols) protocol.stop?.();
  }

  get #allProtocols(): readonly HadoopProtocol[] {
    return PORT_NAMES.flatMap((name) => this.#protocols[name]);
  }

  /** Without room in the ring the next ones will tell. */
  #sendFigures(): void {
    this.#tell(FRONT_RECORD.FIGURES, figuresOf(this.#server, this.#allProtocols, this.#bugs));
  }

  /** False without room in the ring. */
  #tell(kind: number, what: FrontFigures | FrontBug): boolean {
    const json = Buffer.from(JSON.stringify(what));
    const isSent = sendFrontRecord(this.#worker.sender, kind, 0, 0, json);
    if (isSent) this.#worker.publishLater();
    return isSent;
  }
}
