import type {
  ScmContainerLocationRequestValid,
  Type,
} from "../../../protocol/hadoop/generated/location_pb.js";
import type { ProtoWriter } from "../../../protocol/hadoop/proto-writer.js";
import type { PortChoice } from "../client-version.js";
import type { CallerConnection } from "../main-connections.js";

export const LOCATION_PROTOCOL = "org.apache.hadoop.hdds.scm.protocol.StorageContainerLocationProtocol";

/** A request that was decoded. */
export interface LocationCall {
  readonly message: ScmContainerLocationRequestValid;
  readonly main: CallerConnection;
  readonly clientVersion: number;
  readonly ports: PortChoice;
  /** For pipelines that come with a container. */
  readonly ioPorts: PortChoice;
}

/** Writes the fields of the answer's body, or throws what becomes an exception at the client. */
export type LocationHandler = (call: LocationCall, body: ProtoWriter) => Promise<void> | void;

/** By the names of the types. */
export type LocationHandlers = { readonly [T in keyof typeof Type]?: LocationHandler };

/** Mutations of Hadoop clients carry no session: one that a client repeats after a lost answer may be done
 * twice (spec 12 §8.2 H12). */
export const AT_LEAST_ONCE = { sessionId: 0, sequence: 0, ackedSequence: 0 } as const;
