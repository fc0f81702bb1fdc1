import type { Clock } from "../../engine/core/clock.js";
import type { Random } from "../../engine/core/random.js";
import type { EventedContext, EventedRole } from "../shared/run-evented-worker.js";
import type { FrontContext, FrontSettings } from "./front-context.js";
import { RingMainLink } from "./main-link.js";
import { PROTOCOLS } from "./protocols.js";
import { RingLink } from "./ring-link.js";
import type { HadoopProtocol } from "./rpc/call.js";

/** The Hadoop RPC gateway: serves the ports of spec 12 §2.7 as a client of the SCM on main. */
export class Front implements EventedRole {
  readonly #ring: RingLink;
  readonly #protocols: readonly HadoopProtocol[];

  constructor(worker: EventedContext, clock: Clock, random: Random) {
    const settings = worker.data as FrontSettings;
    const { scheduler } = worker;
    this.#ring = new RingLink(worker, () => {});
    const main = new RingMainLink({ clock, random, scheduler }, this.#ring, settings.clusterId);
    const ports = { client: 0, datanode: 0, block: 0 };
    const context: FrontContext = { settings, clock, scheduler, random, main, ports };
    this.#protocols = [...PROTOCOLS.client, ...PROTOCOLS.datanode, ...PROTOCOLS.block].map((create) =>
      create(context),
    );
  }

  async start(): Promise<void> {}

  onRecord(kind: number, offset: number, payloadBytes: number): void {
    this.#ring.onRecord(kind, offset, payloadBytes);
  }

  onBatchEnd(): void {}

  async stop(): Promise<void> {
    for (const protocol of this.#protocols) protocol.stop?.();
  }
}
