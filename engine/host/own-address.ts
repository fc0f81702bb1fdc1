import { isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Addresses of this machine by interface, as `os.networkInterfaces` tells them. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/** The IP address under which others reach this machine: the one that it listens on, unless that is all of
 * them; then the first one that is not loopback, IPv4 before IPv6; without a network the loopback
 * address. */
export function ownAddress(listenHost: string, interfaces: Interfaces = networkInterfaces()): string {
  if (isIP(listenHost) !== 0 && listenHost !== "0.0.0.0" && listenHost !== "::") return listenHost;
  const outer = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const chosen = outer.find(({ family }) => family === "IPv4") ?? outer[0];
  return chosen?.address ?? "127.0.0.1";
}
