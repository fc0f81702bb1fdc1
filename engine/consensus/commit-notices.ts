import type { Scheduler, Timer } from "../core/scheduler.js";
import type { AppReq, Message } from "../raft/message.js";
import { MESSAGE_KIND } from "../raft/message.js";
import type { NodeId } from "../raft/types.js";

/** A follower answers nobody, so it may learn a little later up to where the log is committed. */
const DELAY_MS = 2;

/** Keeps appends without entries back for a moment. The core sends one to each member whenever its commit
 * index moves; under load the next append with entries says the same, and the notice and its answer are
 * saved: half of all messages. An append that follows on a kept one, as its entries do, makes that one
 * needless: the member checks the same place of its log, or a later one, and gets the same commit index, or a
 * later one. */
export class CommitNotices {
  readonly #scheduler: Scheduler;
  readonly #send: (message: Message) => void;
  readonly #kept = new Map<NodeId, AppReq>();
  #timer: Timer | undefined;

  constructor(scheduler: Scheduler, send: (message: Message) => void) {
    this.#scheduler = scheduler;
    this.#send = send;
  }

  /** Sends `message` now, or keeps it. */
  send(message: Message): void {
    if (message.kind !== MESSAGE_KIND.APP_REQ) {
      this.#send(message);
      return;
    }
    const kept = this.#kept.get(message.to);
    if (message.entries.length === 0) {
      if (kept !== undefined && !replaces(message, kept)) this.#send(kept);
      this.#kept.set(message.to, message);
      this.#timer ??= this.#scheduler.after(DELAY_MS, () => this.flush());
      return;
    }
    if (kept !== undefined) {
      this.#kept.delete(message.to);
      if (!replaces(message, kept)) this.#send(kept);
    }
    this.#send(message);
  }

  /** Sends what is kept. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const message of this.#kept.values()) this.#send(message);
    this.#kept.clear();
  }
}

function replaces(message: AppReq, kept: AppReq): boolean {
  const { previous, term, commit } = message;
  return term === kept.term && previous.index >= kept.previous.index && commit >= kept.commit;
}
