/** Above it no id is a container: one in a request to suppress makes that request known again. */
const TAG_BASE = 2 ** 50;

/** Numbers that make every mutation of a run known again where it left a trace. */
export class Tags {
  #last = 0;

  /** For an intent: its expiry, which is kept with it. */
  nextNumber(): number {
    return ++this.#last;
  }

  /** For a request to suppress: an id of no container. */
  nextId(): number {
    return TAG_BASE + this.nextNumber();
  }
}

/** The tag in what the history of mutations says about one; undefined when it was none of ours. */
export function tagOfDetails(operation: string, details: string): number | undefined {
  const match = operation === "setNodeIntent" ? / until (\d+)$/.exec(details) : / (\d{16,})$/.exec(details);
  return match === null ? undefined : Number(match[1]);
}
