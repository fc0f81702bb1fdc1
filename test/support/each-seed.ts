import { SeededRandom } from "../../engine/core/random.js";

/** Plays seeds 1 … `count`, one after the other; a failure names its seed. */
export async function eachSeed(count: number, play: (random: SeededRandom) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    try {
      await play(new SeededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}
