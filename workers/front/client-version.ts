/** What a client's version (`version` of the block and location envelopes, `currentVersion` of datanodes)
 * says about what it can read (spec 12 §4, last paragraph). */

/** Which ports of datanodes an answer names. */
export type PortChoice = "all" | "oldest" | "blockIo" | "oldestBlockIo";

/** From here on clients pass over ports that they do not know. */
const KNOWS_NEW_PORTS = 1;
/** From here on clients know erasure coding. */
const KNOWS_EC = 2;

const OLDEST_PORTS: readonly string[] = ["STANDALONE", "RATIS", "REST"];
const BLOCK_IO_PORTS: readonly string[] = ["STANDALONE", "RATIS", "RATIS_DATASTREAM"];
const NAMES: Readonly<Record<PortChoice, ReadonlySet<string> | undefined>> = {
  all: undefined,
  oldest: new Set(OLDEST_PORTS),
  blockIo: new Set(BLOCK_IO_PORTS),
  oldestBlockIo: new Set(OLDEST_PORTS.filter((name) => BLOCK_IO_PORTS.includes(name))),
};

export function portsFor(clientVersion: number): PortChoice {
  return clientVersion < KNOWS_NEW_PORTS ? "oldest" : "all";
}

/** Of pipelines that blocks are to be written to. */
export function blockPortsFor(clientVersion: number): PortChoice {
  return clientVersion < KNOWS_NEW_PORTS ? "oldestBlockIo" : "blockIo";
}

export function isSent(choice: PortChoice, portName: string): boolean {
  return NAMES[choice]?.has(portName) ?? true;
}

export function readsErasureCoding(clientVersion: number): boolean {
  return clientVersion >= KNOWS_EC;
}
