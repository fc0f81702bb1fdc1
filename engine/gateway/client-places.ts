import type { NodeManager } from "../cluster/nodes/node-manager.js";
import { type ClientPlace, NONE } from "../cluster/topology/topology.js";
import type { RackLocations } from "./rack-locations.js";

/** Finds where a client is in the topology (spec 05 §2.4): at the datanode with that address, else on the
 * rack that the operator's mapping gives, if there is one. */
export class ClientPlaces {
  readonly #nodes: Pick<NodeManager, "index" | "topology">;
  readonly #racks: Pick<RackLocations, "find"> | undefined;

  /** @param racks without it only clients on datanodes have a place */
  constructor(
    nodes: Pick<NodeManager, "index" | "topology">,
    racks: Pick<RackLocations, "find"> | undefined,
  ) {
    this.#nodes = nodes;
    this.#racks = racks;
  }

  /** The place if it is known now; else it is looked up meanwhile, for whoever asks next. */
  known(client: string): ClientPlace | undefined {
    let known: ClientPlace | undefined;
    this.find(client, (place) => {
      known = place;
    });
    return known;
  }

  /** Calls back once, at once when the place is known; undefined when the client has none.
   * @param client host name or address */
  find(client: string, onPlace: (place: ClientPlace | undefined) => void): void {
    const { index, topology } = this.#nodes;
    const datanode = index.atAddress(client).find(({ slot }) => topology.rackOf(slot) !== NONE);
    if (datanode !== undefined) onPlace({ leaf: datanode.slot });
    else if (this.#racks === undefined) onPlace(undefined);
    else
      this.#racks.find(client, (location) => {
        const rack = location === undefined ? NONE : topology.rackAt(location);
        onPlace(rack === NONE ? undefined : { rack });
      });
  }
}
