import type { SnapshotMessage, SnapshotMessageOf } from "../../protocol/schema/snapshot-messages.js";
import type { ReloadTarget, StateMachine } from "../cluster/state-machine.js";
import type { ArrivedSnapshot, SnapshotReceiver } from "../consensus/snapshots.js";
import { assert } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import { logIndex, term } from "../core/ids.js";
import type { Scheduler, Timer } from "../core/scheduler.js";
import type { EntryId, NodeId } from "../raft/types.js";
import { IncomingSnapshot } from "./incoming-snapshot.js";
import { MessageLink } from "./message-link.js";
import type { SnapshotConnection, SnapshotConnectionHandler } from "./snapshot-link.js";
import { SnapshotLoader } from "./snapshot-loader.js";
import type { SnapshotStore } from "./snapshot-store.js";

/** What has arrived of a snapshot is kept this long after its connection was lost. */
const RESUME_MS = 60_000;

export interface StoringReceiverParts {
  readonly nodeId: NodeId;
  readonly scheduler: Scheduler;
  /** Main's end of the state thread. */
  readonly store: SnapshotStore;
  readonly machine: ReloadTarget & StateMachine;
  /** `StateFlusher.suspend`: no flush may begin while tables are loaded; calls back when none is under way.
   * */
  suspendFlushes(onIdle: () => void): void;
  /** `StateFlusher.resume`. */
  resumeFlushes(): void;
  /** The container table is another one now: what the shards derived from it must be checked. */
  recheckContainers(): void;
  /** A snapshot could not be taken in: the disk, or what the sender sent. The sender learns of it, too. */
  onRefused(from: NodeId, error: StrataError): void;
  /** One that arrived is of no use here: the log holds as much, or this SCM is not in its group. */
  onUnwanted(from: NodeId, id: EntryId): void;
  /** The log begins with a snapshot that cannot be loaded: the process must end. */
  onFatal(error: StrataError): void;
}

/** Takes in one snapshot at a time, into a state store of its own, and goes over to it:
 *
 *   offer ─► receiving ─all rows durable, checked─► arrived ─install─► installing ─► none
 *               │                                      └─discard─► none
 *               └ connection lost: kept for a while
 */
export class StoringReceiver implements SnapshotReceiver {
  readonly #parts: StoringReceiverParts;
  onArrived: (arrived: ArrivedSnapshot) => void = () => {};
  #incoming: IncomingSnapshot | undefined;
  #phase: "none" | "receiving" | "arrived" | "installing" = "none";
  #resumeTimer: Timer | undefined;
  #isStopped = false;

  constructor(parts: StoringReceiverParts) {
    this.#parts = parts;
  }

  get sources(): readonly NodeId[] {
    return this.#phase === "receiving" && this.#incoming !== undefined ? [this.#incoming.from] : [];
  }

  /** A `SnapshotAcceptor`: a member has dialled. */
  accept(connection: SnapshotConnection): SnapshotConnectionHandler {
    const link: MessageLink = new MessageLink(() => connection, {
      onMessage: (message) => this.#onMessage(link, message),
      onClosed: () => this.#onClosed(link),
    });
    return link.connectionHandler;
  }

  install(arrived: ArrivedSnapshot, onInstalled: () => void): void {
    const incoming = this.#arrivedAs(arrived);
    this.#phase = "installing";
    const { store, machine, scheduler, onFatal } = this.#parts;
    const loader = new SnapshotLoader({ store, machine, scheduler, onFatal });
    this.#parts.suspendFlushes(() => {
      if (this.#isStopped) return;
      loader.load(incoming.loading, () => {
        if (this.#isStopped) return;
        this.#incoming = undefined;
        this.#phase = "none";
        this.#parts.resumeFlushes();
        this.#parts.recheckContainers();
        onInstalled();
      });
    });
  }

  discard(arrived: ArrivedSnapshot): void {
    const { from } = this.#arrivedAs(arrived);
    this.#drop();
    this.#parts.onUnwanted(from, arrived.message.snapshot.id);
  }

  stop(): void {
    this.#isStopped = true;
    this.#resumeTimer?.cancel();
    this.#incoming?.detach(undefined);
  }

  #onMessage(link: MessageLink, message: SnapshotMessage): void {
    if (this.#isStopped) throw new StrataError("SHUTTING_DOWN");
    if (message.name === "snapshotOffer") {
      this.#onOffer(link, message.body);
      return;
    }
    if (this.#phase !== "receiving" || this.#incoming?.link !== link) {
      throw new StrataError("SNAPSHOT_REFUSED", { reason: "another one has taken its place" });
    }
    this.#incoming.onMessage(message);
  }

  #onOffer(link: MessageLink, offer: SnapshotMessageOf<"snapshotOffer">): void {
    const { machine } = this.#parts;
    if (this.#phase === "arrived" || this.#phase === "installing") {
      throw new StrataError("SNAPSHOT_REFUSED", { reason: "another one is being installed" });
    }
    if (offer.index <= machine.appliedIndex) {
      link.send("snapshotNotNeeded", {});
      return;
    }
    const present = this.#incoming;
    const from = link.peer;
    if (present !== undefined && offer.leaderTerm < present.leaderTerm) {
      throw new StrataError("SNAPSHOT_REFUSED", { reason: `term ${present.leaderTerm} sends one` });
    }
    this.#resumeTimer?.cancel();
    if (present?.isSameAs(from, offer) === true) {
      if (present.isEnding) throw new StrataError("SNAPSHOT_REFUSED", { reason: "it is being checked" });
      if (present.canGoOn(offer)) {
        present.goOn(link, offer.leaderTerm);
        return;
      }
    }
    present?.abandon(new StrataError("SNAPSHOT_REFUSED", { reason: "a newer one takes its place" }));
    this.#incoming = this.#begin(link, offer);
    this.#phase = "receiving";
  }

  #begin(link: MessageLink, offer: SnapshotMessageOf<"snapshotOffer">): IncomingSnapshot {
    const { nodeId, store, machine } = this.#parts;
    const from = link.peer;
    const incoming: IncomingSnapshot = new IncomingSnapshot(
      {
        nodeId,
        store,
        machine,
        onArrived: (arrived) => {
          if (this.#incoming !== incoming || this.#isStopped) return;
          this.#phase = "arrived";
          this.onArrived(arrived);
        },
        onFailed: (error) => {
          if (this.#incoming !== incoming || this.#isStopped) return;
          this.#incoming = undefined;
          this.#phase = "none";
          this.#parts.onRefused(from, error);
        },
      },
      {
        from,
        leaderTerm: term(offer.leaderTerm),
        id: { index: logIndex(offer.index), term: term(offer.term) },
        hash: offer.hash,
      },
    );
    incoming.begin(link);
    return incoming;
  }

  #onClosed(link: MessageLink): void {
    if (this.#isStopped || this.#phase !== "receiving" || this.#incoming?.link !== link) return;
    this.#incoming.detach(undefined);
    this.#resumeTimer?.cancel();
    this.#resumeTimer = this.#parts.scheduler.after(RESUME_MS, () => {
      if (this.#phase === "receiving") this.#drop();
    });
  }

  #drop(): void {
    this.#incoming?.abandon();
    this.#incoming = undefined;
    this.#phase = "none";
  }

  #arrivedAs(arrived: ArrivedSnapshot): IncomingSnapshot {
    const incoming = this.#incoming;
    assert(this.#phase === "arrived" && incoming !== undefined, "no snapshot has arrived");
    assert(incoming.stateDirectory === arrived.stateDirectory, "another snapshot has arrived");
    return incoming;
  }
}
