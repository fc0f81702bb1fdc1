import { setFlagsFromString } from "node:v8";

/** Imported before anything else: a young generation that has grown does not shrink. A thread that is
 * started later has it grow again in all of them (V8 sets the factor to 2 for each new heap), so that the
 * settings have to be made again then.
 *
 * - V8's memory reducer collects the whole heap of a thread that has little to do, which holds it for 10 to
 *   80 ms, for memory that a server soon takes again.
 * - A young generation grows from 1 to 16 MB with what survives in it, and a collection copies all that
 *   survives: while thousands of datanodes register, that is most of it.
 * - The whole heap of a thread that is started later is collected when 64 MB are in it, not at 8 MB. None of
 * ours needs so much: what they keep lies in buffers, and for those V8 still collects by an account of its
 * own ("external memory pressure"). */
export function keepCollectionsShort(): void {
  setFlagsFromString("--no-memory-reducer");
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--initial-old-space-size=64");
  setFlagsFromString("--no-parallel-scavenge");
}

keepCollectionsShort();
