/** What a client's version (`version` of the block and location envelopes, `currentVersion` of datanodes)
 * says about what it can read (spec 12 §4, last paragraph). */

/** Which ports of datanodes an answer names. */
export type PortChoice = "all" | "oldest" | "io" | "oldestIo";

/** From here on clients pass over ports that they do not know. */
const KNOWS_NEW_PORTS = 1;
/** From here on clients know erasure coding. */
const KNOWS_EC = 2;

const OLDEST_PORTS: readonly string[] = ["STANDALONE", "RATIS", "REST"];
const IO_PORTS: readonly string[] = ["STANDALONE", "RATIS", "RATIS_DATASTREAM"];
const NAMES: Readonly<Record<PortChoice, ReadonlySet<string> | undefined>> = {
  all: undefined,
  oldest: new Set(OLDEST_PORTS),
  io: new Set(IO_PORTS),
  oldestIo: new Set(OLDEST_PORTS.filter((name) => IO_PORTS.includes(name))),
};

export function portsFor(clientVersion: number): PortChoice {
  return clientVersion < KNOWS_NEW_PORTS ? "oldest" : "all";
}

/** Of pipelines that come with a block or a container: ports to write to and to read from. */
export function ioPortsFor(clientVersion: number): PortChoice {
  return clientVersion < KNOWS_NEW_PORTS ? "oldestIo" : "io";
}

export function isSent(choice: PortChoice, portName: string): boolean {
  return NAMES[choice]?.has(portName) ?? true;
}

export function readsErasureCoding(clientVersion: number): boolean {
  return clientVersion >= KNOWS_EC;
}
