import { SeededRandom } from "../../../engine/core/random.js";
import { SimClock } from "./sim-clock.js";
import { SimNetwork, type SimNetworkOptions } from "./sim-network.js";
import { SimScheduler } from "./sim-scheduler.js";

/** The parts of a simulation that everything else is put together from, all from one seed. */
export class SimWorld {
  readonly scheduler = new SimScheduler();
  readonly clock = new SimClock(this.scheduler);
  /** Draw from a named stream of it (`random.stream("workload")`): streams do not move each other. */
  readonly random: SeededRandom;
  readonly network: SimNetwork;

  constructor(seed: number, latency: Pick<SimNetworkOptions, "latencyMsMin" | "latencyMsMax"> = {}) {
    this.random = new SeededRandom(seed);
    this.network = new SimNetwork({
      clock: this.clock,
      scheduler: this.scheduler,
      random: this.random.stream("network"),
      ...latency,
    });
  }
}
