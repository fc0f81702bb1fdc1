import type { AdminClient } from "../../protocol/client/admin-client.js";
import type { Config } from "../config/config.js";
import type { Address } from "../config/fields.js";
import type { NewGroupOptions, NewGroupReport } from "../scm-new-group.js";
import type { DiskNotice } from "../storage/node-disk.js";
import type { OnRecoveryStep } from "../storage/recovered.js";
import type { VerifyReport } from "../storage/verify.js";
import type { Logger } from "../telemetry/logger.js";
import type { DemoOptions } from "./demo.js";
import type { ExitCode } from "./exit-code.js";
import type { CommandIo } from "./io.js";

/** What the commands stand on. `main.ts` wires the real ones; each is loaded only by the command that
 * needs it. */
export interface Parts {
  /** Resolves when the SCM serves. */
  startScm(options: { readonly config: Config; readonly logger: Logger }): Promise<RunningScm>;
  initialize(
    config: Config,
    options: InitOptions,
    onNotice: (notice: DiskNotice) => void,
  ): Promise<InitResult>;
  /** Becomes a member of the running group; `onWaiting` tells why that takes long. */
  bootstrap(
    config: Config,
    clusterId: string | undefined,
    listener: {
      readonly onNotice: (notice: DiskNotice) => void;
      readonly onWaiting: (text: string) => void;
    },
  ): Promise<InitResult>;
  /** Makes a stopped SCM a group of its own, or tells what that would do. */
  forceNewGroup(
    config: Config,
    options: NewGroupOptions,
    listener: { readonly onNotice: (notice: DiskNotice) => void; readonly onStep: OnRecoveryStep },
  ): Promise<NewGroupReport>;
  verify(directories: Directories, onStep: OnRecoveryStep): Promise<VerifyReport>;
  connectAdmin(options: AdminOptions): Promise<AdminConnection>;
  /** Runs the demonstration to its end. */
  runDemo(options: DemoOptions, io: CommandIo): Promise<ExitCode>;
}

/** Where an SCM keeps its data. */
export type Directories = Pick<Config["storage"], "metadataDir" | "stateDir" | "raftDir">;

export interface RunningScm {
  /** Orderly: what is in flight is answered or refused, everything is on disk. */
  stop(): Promise<void>;
  /** Resolves, never rejects, when the SCM cannot go on. */
  readonly fatal: Promise<Error>;
}

export interface InitOptions {
  /** The cluster to belong to; undefined = a new one. */
  readonly clusterId: string | undefined;
  /** Floors of a cluster that is taken over; undefined = fresh. */
  readonly localIdFloor: bigint | undefined;
  readonly termFloor: number | undefined;
}

export interface InitResult {
  readonly clusterId: string;
  readonly scmId: string;
  /** False when the directory had been initialised before; it is left as it was. */
  readonly created: boolean;
}

export interface AdminOptions {
  /** They are asked in this order until one answers. */
  readonly endpoints: readonly Address[];
  readonly timeoutMs: number;
  readonly clientName: string;
}

/** A connection to the leader, made at the first call. Errors are StrataError or RemoteError. */
export type AdminConnection = Pick<
  AdminClient,
  | "scmInfo"
  | "scmRoles"
  | "addScm"
  | "decommissionScm"
  | "transferLeadership"
  | "listHistory"
  | "listNodes"
  | "getNode"
  | "listNodeContainers"
  | "listContainers"
  | "getContainer"
  | "getContainerReplicas"
  | "containerReport"
  | "closeContainer"
  | "allocateContainer"
  | "deleteContainer"
  | "reconcileContainer"
  | "listPipelines"
  | "getPipeline"
  | "createPipeline"
  | "closePipeline"
  | "activatePipeline"
  | "deactivatePipeline"
  | "suppressContainers"
  | "import"
  | "endImport"
  | "close"
>;
