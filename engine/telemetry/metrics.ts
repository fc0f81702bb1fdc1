import { Counter, Gauge, type Metric, Registry } from "prom-client";
import { assert } from "../core/assert.js";
import type { Histogram } from "./histogram.js";

/** One sentence for each number of an object. */
export type Meanings<T> = { readonly [K in keyof T as T[K] extends number ? K : never]: string };
export type Labels = Readonly<Record<string, string>>;

const NAME = /^[a-z][a-z0-9_]*$/;

/** The process's metrics, in the Prometheus text format as `strata_<source>_<name>`.
 *
 * Hot code owns plain objects of numbers and only increments their fields; they are read when somebody
 * scrapes: ```ts const counters = { framesReceived: 0, framesRefused: 0 }; metrics.addCounters("gateway",
 * counters, { framesReceived: "Frames received.", framesRefused: "…" }); counters.framesReceived++;
 * // strata_gateway_frames_received_total ``` */
export class Metrics {
  readonly #registry = new Registry();
  readonly #beforeScrape: (() => void)[] = [];

  readonly contentType: string = this.#registry.contentType;

  /** Numbers that only grow; `_total` is added to their names. Returns `counters`. */
  addCounters<T extends object>(source: string, counters: T, meanings: Meanings<T>): T {
    for (const [field, help] of Object.entries<string>(meanings)) {
      const read = numberReader(counters, field);
      new Counter({
        name: `${nameOf(source, field)}_total`,
        help,
        registers: [this.#registry],
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    }
    return counters;
  }

  /** Numbers that go up and down. Returns `gauges`. */
  addGauges<T extends object>(source: string, gauges: T, meanings: Meanings<T>): T {
    for (const [field, help] of Object.entries<string>(meanings)) {
      this.addGauge(source, field, help, numberReader(gauges, field));
    }
    return gauges;
  }

  /** A number that is worked out when it is scraped. */
  addGauge(source: string, field: string, help: string, read: () => number): void {
    const name = nameOf(source, field);
    const registers = [this.#registry];
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }

  /** A number per label set, all worked out when they are scraped; `[labels, value]` each. */
  addLabelledGauge(
    source: string,
    field: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<readonly [Labels, number]>,
  ): void {
    new Gauge({
      name: nameOf(source, field),
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** Buckets, sum and count of `histogram`. */
  addHistogram(source: string, field: string, help: string, histogram: Histogram): void {
    const name = nameOf(source, field);
    const get = async () => ({
      name,
      help,
      type: "histogram",
      values: histogram.samples(name),
      aggregator: "sum",
    });
    // prom-client's own histogram works out buckets and labels for each observation; the registry only
    // calls `get`.
    this.#registry.registerMetric({ name, get } as unknown as Metric);
  }

  /** Runs at the beginning of each scrape, before any number is read. */
  beforeScrape(task: () => void): void {
    this.#beforeScrape.push(task);
  }

  /** The page that /prom shows. */
  async scrape(): Promise<string> {
    for (const task of this.#beforeScrape) task();
    return await this.#registry.metrics();
  }
}

function nameOf(source: string, field: string): string {
  const snake = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const name = `strata_${source}_${snake}`;
  assert(NAME.test(name), `bad metric name: ${name}`);
  return name;
}

function numberReader<T extends object>(owner: T, field: string): () => number {
  return () => {
    const value: unknown = Reflect.get(owner, field);
    assert(typeof value === "number", `metric ${field} is not a number`);
    return value;
  };
}
