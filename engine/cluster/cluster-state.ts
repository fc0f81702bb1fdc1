import { AssertionError } from "../core/assert.js";
import type { LogIndex, Term } from "../core/ids.js";
import type { Uuid } from "../core/uuid.js";
import type { NodeIntent } from "./nodes/node-types.js";
import type { FlushSink, FlushSource, LoadTarget, ResultSink, StateMachine } from "./state-machine.js";

export interface ClusterStateOptions {
  /** Memory of a stripe of the container table, zeroed, STRIPE_ROWS × 64 bytes. Called in `apply` and at load, before the
   * first row of that stripe is written; main posts it to the shards. */
  allocateStripe(stripe: number): SharedArrayBuffer;
  /** After an intent was applied or loaded: `NodeManager.applyIntent`. */
  onNodeIntent(uuid: Uuid, intent: NodeIntent): void;
}

/** All replicated state. */
export class ClusterState implements StateMachine, FlushSource, LoadTarget {
  constructor(_options: ClusterStateOptions) {}

  get appliedIndex(): LogIndex {
    throw new AssertionError("being built");
  }
  get appliedTerm(): Term {
    throw new AssertionError("being built");
  }
  apply(_index: LogIndex, _term: Term, _payload: Uint8Array, _onResult: ResultSink | undefined): void {
    throw new AssertionError("being built");
  }
  checkInvariants(): void {
    throw new AssertionError("being built");
  }
  hash(): string {
    throw new AssertionError("being built");
  }
  dirtyBytes(): number {
    throw new AssertionError("being built");
  }
  freeze(): number {
    throw new AssertionError("being built");
  }
  drain(_sink: FlushSink, _bytesMax: number): boolean {
    throw new AssertionError("being built");
  }
  load(_table: number, _key: Uint8Array, _value: Uint8Array): void {
    throw new AssertionError("being built");
  }
  loaded(): void {
    throw new AssertionError("being built");
  }
}
