import { setFlagsFromString } from "node:v8";

/** For all threads of this process, of those that are started later. Measured while 5,000 datanodes register
 * and report on two cores:
 *
 * - V8's memory reducer collects the whole heap of a thread that has little to do, which holds it for 10 to
 *   80 ms, for memory that a server soon takes again.
 * - A young generation that grows to 16 MB takes 10 to 30 ms to collect when much of it stays, such as the
 *   datanodes that have just registered; one that stays at the size of its start takes a tenth, as often as
 *   need be.
 * - The threads that help to collect the young generation are waited for, also when others have their cores. */
export function keepCollectionsShort(): void {
  setFlagsFromString("--no-memory-reducer");
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--no-parallel-scavenge");
}
