import { setFlagsFromString } from "node:v8";

/** For all threads of this process, of those that are started later. V8's memory reducer collects the whole
 * heap of a thread that has little to do, which holds it for 10 to 80 ms, for memory that a server soon takes
 * again. */
export function keepCollectionsShort(): void {
  setFlagsFromString("--no-memory-reducer");
}
