import type { Scheduler } from "../../../engine/core/scheduler.js";
import type { NodeId } from "../../../engine/raft/types.js";
import type {
  SnapshotAcceptor,
  SnapshotConnection,
  SnapshotConnectionHandler,
  SnapshotDialer,
} from "../../../engine/snapshot/snapshot-link.js";

const LATENCY_MS = 0.5;

interface End {
  readonly handler: () => SnapshotConnectionHandler;
  isOpen: boolean;
}

/** Connections for snapshots between members on one thread, which can be cut. */
export class MemoryConnections {
  readonly #scheduler: Scheduler;
  readonly #acceptors = new Map<NodeId, SnapshotAcceptor>();
  readonly #open = new Set<readonly [End, End]>();
  /** Frames that were delivered, by who got them. */
  readonly deliveredCount = new Map<NodeId, number>();
  dialledCount = 0;
  /** Called with each frame before it is delivered; false loses the connection instead. */
  beforeDelivery: (to: NodeId, frame: Uint8Array) => boolean = () => true;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  listen(member: NodeId, acceptor: SnapshotAcceptor): void {
    this.#acceptors.set(member, acceptor);
  }

  dialerOf(from: NodeId): SnapshotDialer {
    return { dial: (to, handler) => this.#dial(from, to, handler) };
  }

  /** Loses all connections. */
  cut(): void {
    for (const ends of [...this.#open]) this.#lose(ends);
  }

  #dial(
    from: NodeId,
    to: NodeId,
    handler: SnapshotConnectionHandler & { onOpen(): void },
  ): SnapshotConnection {
    this.dialledCount++;
    let acceptedHandler: SnapshotConnectionHandler | undefined;
    const dialled: End = { handler: () => handler, isOpen: true };
    const accepted: End = { handler: () => acceptedHandler as SnapshotConnectionHandler, isOpen: true };
    const ends = [dialled, accepted] as const;
    const connection = (own: End, peer: NodeId): SnapshotConnection => ({
      peer,
      send: (frame) => this.#send(ends, own, { to: peer, frame: frame.slice() }),
      close: () => this.#close(ends, own),
    });
    this.#scheduler.after(LATENCY_MS, () => {
      const acceptor = this.#acceptors.get(to);
      if (!dialled.isOpen) return;
      if (acceptor === undefined) {
        dialled.isOpen = false;
        handler.onClose("refused");
        return;
      }
      this.#open.add(ends);
      acceptedHandler = acceptor(connection(accepted, from));
      handler.onOpen();
    });
    return connection(dialled, to);
  }

  #send(ends: readonly [End, End], own: End, { to, frame }: { to: NodeId; frame: Uint8Array }): void {
    if (!own.isOpen || !this.#open.has(ends)) return;
    const other = ends[0] === own ? ends[1] : ends[0];
    this.#scheduler.after(LATENCY_MS, () => {
      if (!other.isOpen || !this.#open.has(ends)) return;
      if (!this.beforeDelivery(to, frame)) {
        this.#lose(ends);
        return;
      }
      this.deliveredCount.set(to, (this.deliveredCount.get(to) ?? 0) + 1);
      other.handler().onFrame(frame);
    });
  }

  #close(ends: readonly [End, End], own: End): void {
    if (!own.isOpen) return;
    own.isOpen = false;
    const other = ends[0] === own ? ends[1] : ends[0];
    this.#scheduler.after(LATENCY_MS, () => {
      const wasOpen = this.#open.delete(ends);
      if (!wasOpen || !other.isOpen) return;
      other.isOpen = false;
      other.handler().onClose("closed");
    });
  }

  #lose(ends: readonly [End, End]): void {
    if (!this.#open.delete(ends)) return;
    for (const end of ends) {
      if (!end.isOpen) continue;
      end.isOpen = false;
      end.handler().onClose("lost");
    }
  }
}
