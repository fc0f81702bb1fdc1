import type { Bench, BenchContext } from "../harness/bench.js";
import { type Figure, median } from "../harness/figure.js";
import { codecTimes } from "../micro/codec.js";
import { ringThroughput } from "../micro/ring.js";

const RUNS = 3;
const RING_SECONDS = 2;

/** Messages of 64 bytes from one thread to another. */
export const ring: Bench = {
  name: "ring",
  doc: "messages of 64 B through a ring in shared memory",
  async run({ print }: BenchContext): Promise<readonly Figure[]> {
    const rates: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const { messagesPerSecond, cpuNsPerMessage, fullFraction } = await ringThroughput(RING_SECONDS);
      const rate = `${(messagesPerSecond / 1e6).toFixed(1)} M/s`;
      const cpu = `CPU of both threads ${cpuNsPerMessage.toFixed(1)} ns`;
      print(`run ${i + 1}: ${rate}, ${cpu}, ring full ${fullFraction.toFixed(3)}`);
      rates.push(messagesPerSecond);
    }
    return [
      {
        name: "ring.rate",
        value: median(rates) / 1e6,
        unit: "M messages/s",
        target: { comparison: "≥", value: 20 },
      },
    ];
  },
};

/** Encoding and decoding of the most frequent messages. */
export const codec: Bench = {
  name: "codec",
  doc: "frames of the most frequent messages",
  async run(): Promise<readonly Figure[]> {
    const times = await codecTimes();
    return Object.entries(times).map(([name, ns]) => ({
      name: `codec.${name}`,
      value: ns,
      unit: "ns",
      yardstick: "integer",
    }));
  },
};
