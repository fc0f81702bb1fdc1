import { readFile } from "node:fs";
import type { OnRacks } from "./rack-script.js";

/** Asks the operator's table for the racks of some hosts, `defaultRack` for those that it does not have (spec
 * 03 §12.2 rule 2). It is read anew each time, so that a change needs no restart. */
export function readRackTable(
  path: string,
  defaultRack: string,
  hosts: readonly string[],
  onRacks: OnRacks,
): void {
  readFile(path, "utf8", (error, text) => {
    if (error !== null && error.code !== "ENOENT") return onRacks(error);
    const racks = rackTable(text ?? "");
    return onRacks(hosts.map((host) => racks.get(host) ?? defaultRack));
  });
}

/** Two columns, host and path; other lines, and what follows a `#` at the beginning of one, do not count. */
function rackTable(text: string): Map<string, string> {
  const racks = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const columns = line.trim().split(/\s+/);
    const [host, rack] = columns;
    if (columns.length === 2 && host !== undefined && rack !== undefined) racks.set(host, rack);
  }
  return racks;
}
