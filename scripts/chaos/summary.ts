import type { Seen } from "./site.js";

interface Row {
  passedCount: number;
  failedCount: number;
  readonly gapsMs: number[];
}

/** What became of each kind of fault. */
export class Summary {
  readonly #rows = new Map<string, Row>();

  passed(fault: string, { gapMs }: Seen): void {
    const row = this.#row(fault);
    row.passedCount++;
    row.gapsMs.push(gapMs);
  }

  failed(fault: string): void {
    this.#row(fault).failedCount++;
  }

  /** A line a fault. */
  lines(): string[] {
    const width = Math.max(0, ...[...this.#rows.keys()].map((name) => name.length));
    const rows = [...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1));
    return rows.map(([name, { passedCount, failedCount, gapsMs }]) => {
      const sorted = gapsMs.sort((a, b) => a - b);
      const median = sorted[sorted.length >>> 1]?.toFixed(0) ?? "–";
      const gap = `gap p50 ${median} ms, max ${sorted.at(-1)?.toFixed(0) ?? "–"} ms`;
      const failed = failedCount === 0 ? "" : `, ${failedCount} failed`;
      return `${name.padEnd(width)}  ${passedCount} passed${failed}, ${gap}`;
    });
  }

  #row(fault: string): Row {
    let row = this.#rows.get(fault);
    if (row === undefined) {
      row = { passedCount: 0, failedCount: 0, gapsMs: [] };
      this.#rows.set(fault, row);
    }
    return row;
  }
}
