/** What lies between hosts, for each direction on its own: links that are cut, hosts that take nothing in,
 * links that are slow. Faults may overlap: each ends by its own undoing. */
export class SimLinks {
  readonly #cuts = new Counter();
  readonly #frozen = new Counter();
  readonly #slow = new Map<string, number[]>();

  /** Times that what goes from `from` to `to` must be held back. */
  holdCount(from: string, to: string): number {
    return this.#cuts.of(linkOf(from, to)) + this.#frozen.of(to);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.of(linkOf(from, to)) > 0;
  }

  cut(from: string, to: string): void {
    this.#cuts.add(linkOf(from, to), 1);
  }

  mend(from: string, to: string): void {
    this.#cuts.add(linkOf(from, to), -1);
  }

  freeze(host: string): void {
    this.#frozen.add(host, 1);
  }

  thaw(host: string): void {
    this.#frozen.add(host, -1);
  }

  /** What a link takes longer than others, in ms. */
  delayMs(from: string, to: string): number {
    return this.#slow.size === 0 ? 0 : Math.max(0, ...(this.#slow.get(linkOf(from, to)) ?? []));
  }

  slow(from: string, to: string, delayMs: number): void {
    const link = linkOf(from, to);
    this.#slow.set(link, [...(this.#slow.get(link) ?? []), delayMs]);
  }

  quicken(from: string, to: string, delayMs: number): void {
    const link = linkOf(from, to);
    const delays = this.#slow.get(link) ?? [];
    const index = delays.indexOf(delayMs);
    const left = delays.filter((_, i) => i !== index);
    if (left.length === 0) this.#slow.delete(link);
    else this.#slow.set(link, left);
  }
}

class Counter {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.size === 0 ? 0 : (this.#counts.get(key) ?? 0);
  }

  add(key: string, change: number): void {
    const count = this.of(key) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}

function linkOf(from: string, to: string): string {
  return `${from} ${to}`;
}
