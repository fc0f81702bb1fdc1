import { readFileSync } from "node:fs";

/** Release of this program, from package.json at the root of the tree that holds `dist/`. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const path = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string };
  return version;
}
