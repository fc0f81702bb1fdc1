import { type AdminClient, codeOf, createAdminClient } from "../../protocol/client/index.js";

/** Of the writers: short, so that a client that asks one that hangs turns to another one soon. */
export const REQUEST_TIMEOUT_MS = 200;
const CLIENT_OPTIONS = {
  attemptTimeoutMs: REQUEST_TIMEOUT_MS,
  handshakeTimeoutMs: REQUEST_TIMEOUT_MS,
  backoff: { initialMs: 10, maximumMs: 100 },
} as const;
/** Between an answer and the next operation. */
const PAUSE_MS = 2;
const WRITES_PER_READ = 8;
const HISTORY_PAGE = 256;

/** Things that must not happen, counted. */
export interface Wrongs {
  /** Acknowledged, and not in the history. */
  lost: number;
  /** Carried out twice, or out of order. */
  repeated: number;
  /** Reads that did not show what was acknowledged before they began. */
  stale: number;
  /** Refused or timed out: an operation without a definite answer. */
  failed: number;
}

/** One client that suppresses and releases a container of its own, one operation at a time. */
class Writer {
  readonly containerId: number;
  readonly #client: AdminClient;
  readonly #wrongs: Wrongs;
  acknowledgedCount = 0;
  /** What it wrote last; undefined while that is under way. */
  value: boolean | undefined;
  lastAckMs = 0;
  gapMsMax = 0;
  #isStopped = false;
  #running: Promise<void> | undefined;

  constructor(endpoints: readonly string[], containerId: number, wrongs: Wrongs) {
    this.containerId = containerId;
    this.#wrongs = wrongs;
    this.#client = createAdminClient({ ...CLIENT_OPTIONS, endpoints, clientName: `writer ${containerId}` });
  }

  /** Why it has given up. */
  problem: unknown;

  start(): void {
    this.lastAckMs = performance.now();
    this.#running = this.#run().catch((error: unknown) => {
      this.problem = error;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#client.close();
  }

  async #run(): Promise<void> {
    for (let isOn = true; !this.#isStopped; isOn = !isOn) {
      await this.#write(isOn);
      if (this.acknowledgedCount % WRITES_PER_READ === 0) await this.#read();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #write(suppress: boolean): Promise<void> {
    this.value = undefined;
    try {
      await this.#client.suppressContainers({ containerIds: [this.containerId], suppress });
    } catch (error) {
      this.#wrongs.failed++;
      const text = `an operation of writer ${this.containerId} failed: ${codeOf(error)}`;
      throw new Error(text, { cause: error });
    }
    this.value = suppress;
    this.acknowledgedCount++;
    const nowMs = performance.now();
    this.gapMsMax = Math.max(this.gapMsMax, nowMs - this.lastAckMs);
    this.lastAckMs = nowMs;
  }

  async #read(): Promise<void> {
    const { container } = await this.#client.getContainer({ containerId: this.containerId });
    if (container.suppressed !== this.value) this.#wrongs.stale++;
  }
}

/** Clients that write all the time, and know afterwards what must have become of it. */
export class CheckedWriters {
  readonly wrongs: Wrongs = { lost: 0, repeated: 0, stale: 0, failed: 0 };
  readonly #endpoints: readonly string[];
  readonly #writers: Writer[];

  /** Each owns one of containers 1 … `count`. */
  constructor(endpoints: readonly string[], count: number) {
    this.#endpoints = endpoints;
    this.#writers = Array.from({ length: count }, (_, i) => new Writer(endpoints, i + 1, this.wrongs));
  }

  get acknowledgedCount(): number {
    return this.#writers.reduce((sum, { acknowledgedCount }) => sum + acknowledgedCount, 0);
  }

  start(): void {
    for (const writer of this.#writers) writer.start();
  }

  /** Lets each finish what is under way. */
  async stop(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
  }

  /** Throws what has made one of them give up. */
  throwProblem(): void {
    for (const { problem } of this.#writers) if (problem !== undefined) throw problem;
  }

  /** Gaps count from now on. */
  resetGaps(): void {
    for (const writer of this.#writers) writer.gapMsMax = 0;
  }

  /** The longest time between two acknowledgements that any of them has seen, or sees now. */
  gapMs(): number {
    const nowMs = performance.now();
    return Math.max(...this.#writers.map(({ gapMsMax, lastAckMs }) => Math.max(gapMsMax, nowMs - lastAckMs)));
  }

  /** Whether each had an answer after `ms`. */
  haveAnsweredSince(ms: number): boolean {
    return this.#writers.every(({ lastAckMs }) => lastAckMs > ms);
  }

  /** Asks one SCM again and again for what was written, until `until` ends: who answers must know. */
  async watch(endpoint: string, until: Promise<unknown>): Promise<void> {
    let isOver = false;
    void until.finally(() => {
      isOver = true;
    });
    const client = createAdminClient({
      ...CLIENT_OPTIONS,
      timeoutMs: REQUEST_TIMEOUT_MS,
      endpoints: [endpoint],
      pinned: true,
      clientName: "watcher",
    });
    for (let i = 0; !isOver; i++) {
      const writer = this.#writers[i % this.#writers.length] as Writer;
      const { value, acknowledgedCount } = writer;
      const found = await client.getContainer({ containerId: writer.containerId }).catch(() => undefined);
      // Nothing was under way while it was read.
      const isSettled =
        value !== undefined && writer.value !== undefined && writer.acknowledgedCount === acknowledgedCount;
      if (isSettled && found !== undefined && found.container.suppressed !== value) this.wrongs.stale++;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    client.close();
  }

  /** Compares what was acknowledged with the replicated history; all have stopped. */
  async check(): Promise<void> {
    const client = createAdminClient({ endpoints: this.#endpoints, clientName: "checker" });
    try {
      const found = new Map<number, { sequences: number[]; containerId: number }>();
      let start: number | undefined = 1;
      while (start !== undefined) {
        const page: Awaited<ReturnType<AdminClient["listHistory"]>> = await client.listHistory({
          start,
          countMax: HISTORY_PAGE,
        });
        for (const entry of page.entries) note(found, entry);
        start = page.next;
      }
      this.#compare(found);
    } finally {
      client.close();
    }
  }

  #compare(found: ReadonlyMap<number, { sequences: readonly number[]; containerId: number }>): void {
    for (const { containerId, acknowledgedCount } of this.#writers) {
      const sessions = [...found.values()].filter((session) => session.containerId === containerId);
      const sequences = sessions.flatMap((session) => session.sequences);
      const { lost, repeated } = compareSequences(sequences, acknowledgedCount);
      this.wrongs.lost += lost;
      this.wrongs.repeated += repeated;
    }
  }
}

/** Operations of a writer's session as the history has them, in the order of the log, against how many it was
 * told are done: they must be 1, 2, 3 …, each once. */
export function compareSequences(
  sequences: readonly number[],
  acknowledgedCount: number,
): Pick<Wrongs, "lost" | "repeated"> {
  const seen = new Set<number>();
  let repeated = 0;
  for (const [i, sequence] of sequences.entries()) {
    const before = sequences[i - 1] ?? 0;
    if (seen.has(sequence) || sequence < before) repeated++;
    seen.add(sequence);
  }
  let lost = 0;
  for (let sequence = 1; sequence <= acknowledgedCount; sequence++) if (!seen.has(sequence)) lost++;
  // Nothing is under way any more: what was never acknowledged was never asked for.
  repeated += Math.max(0, seen.size + lost - acknowledgedCount);
  return { lost, repeated };
}

type HistoryEntry = Awaited<ReturnType<AdminClient["listHistory"]>>["entries"][number];

function note(found: Map<number, { sequences: number[]; containerId: number }>, entry: HistoryEntry): void {
  const { operation, outcome, sessionId, sequence, details } = entry;
  if (operation !== "suppressContainers" || outcome !== "DONE") return;
  const containerId = Number(/\d+/.exec(details)?.[0]);
  const session = found.get(sessionId) ?? { sequences: [], containerId };
  session.sequences.push(sequence);
  found.set(sessionId, session);
}
