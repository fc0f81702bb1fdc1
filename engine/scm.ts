import type { ReportIntake } from "../workers/pool/report-intake.js";
import type { ShardSet } from "../workers/pool/shard-set.js";
import type { FrontPorts } from "../workers/shared/front-records.js";
import type { WorkerLink, WorkerStarter } from "../workers/shared/worker-link.js";
import type { AdminCounters } from "./admin/admin-services.js";
import { AllocationAudit } from "./admin/allocation-audit.js";
import { ClusterState } from "./cluster/cluster-state.js";
import type { NodeManager } from "./cluster/nodes/node-manager.js";
import type { Operation } from "./cluster/operation.js";
import { NO_SESSION, OPERATION } from "./cluster/operation.js";
import { errorOfOutcome } from "./cluster/operation-result.js";
import type { Placement } from "./cluster/placement/placement.js";
import type { TopologySchema } from "./cluster/topology/schema.js";
import type { Config } from "./config/config.js";
import { Group } from "./consensus/group.js";
import { isLoneVoter } from "./consensus/group-status.js";
import { RaftHost } from "./consensus/raft-host.js";
import { loggingTrace } from "./consensus/raft-log.js";
import type { Lock } from "./core/disk.js";
import type { Environment } from "./core/environment.js";
import { StrataError } from "./core/errors.js";
import type { Listener } from "./core/transport.js";
import type { DatanodeServices } from "./gateway/datanode-services.js";
import { GatewayMetrics } from "./gateway/gateway-metrics.js";
import type { RackLocations } from "./gateway/rack-locations.js";
import type { RpcServer } from "./gateway/rpc-server.js";
import type { PeerNetwork } from "./peers/peer-network.js";
import { NO_NODE, type NodeId } from "./raft/types.js";
import { createRpcServer } from "./scm-clients.js";
import { ScmFront } from "./scm-front.js";
import { createNodeManager } from "./scm-nodes.js";
import { raftOptionsOf } from "./scm-options.js";
import { ScmPeers } from "./scm-peers.js";
import { ScmPipelines } from "./scm-pipelines.js";
import { createPlacement } from "./scm-placement.js";
import { ScmShards } from "./scm-shards.js";
import { startSnapshots } from "./scm-snapshots.js";
import { directoriesOf } from "./scm-storage.js";
import { AddressBook } from "./services/address-book.js";
import type { ScmContext } from "./services/scm-context.js";
import { type ScmServices, startServices } from "./services/scm-services.js";
import type { StorageDirectories } from "./storage/directories.js";
import type { Recovered } from "./storage/recovered.js";
import { recover } from "./storage/recovery.js";
import type { AuditLog } from "./telemetry/audit.js";
import type { Logger } from "./telemetry/logger.js";

const NO_PORTS = { raft: 0, strata: 0, http: 0, client: 0, datanode: 0, block: 0, security: 0 } as const;

export interface ScmParts {
  readonly config: Config;
  readonly environment: Environment;
  readonly workers: WorkerStarter;
  readonly logger: Logger;
  readonly audit: Pick<AuditLog, "ready" | "whenReady" | "write" | "waitingSinceMs">;
  /** The lock of the directories, when it is held already; `stop` and a failed start release it. */
  readonly lock?: Lock;
  /** Addresses of this SCM, for `scm roles`. */
  readonly host: { readonly name: string; readonly address: string };
  /** Reverse look-up of datanodes; left out: what they say is kept. */
  readonly lookUpHostName?: DatanodeServices["lookUpHostName"];
  /** Levels of the topology, and where hosts are; left out: racks, and what datanodes say. */
  readonly topologySchema?: TopologySchema;
  readonly racks?: RackLocations;
  /** Called at each step of the start, in order, with what it found. */
  readonly onStep?: (step: BootStep) => void;
}

/** `/readyz` shows them with their times. */
export type BootStepName = "lock" | "log" | "state" | "replay" | "workers" | "raft" | "listening";

export interface BootStep {
  readonly name: BootStepName;
  readonly detail: string;
}

/** One SCM, put together. It runs on whatever environment it is given: threads, sockets and disks in
 * production, fakes on one thread in the simulator. */
export class Scm {
  readonly cluster: ClusterState;
  readonly nodes: NodeManager;
  readonly placement: Placement;
  readonly pipelines: ScmPipelines;
  readonly gatewayMetrics = new GatewayMetrics();
  readonly adminCounters: AdminCounters = { listContainerOps: 0 };
  /** Resolves when a part died without which there is no going on; the process then ends, and start is the
   * recovery. */
  readonly fatal: Promise<Error>;
  #resolveFatal: (error: Error) => void = () => undefined;
  #hasFailed = false;
  #isStopping = false;
  readonly #parts: ScmParts;
  readonly #directories: StorageDirectories;
  readonly #shards: ScmShards;
  #lock: Lock | undefined;
  #recovered: Recovered | undefined;
  #log: WorkerLink | undefined;
  #state: WorkerLink | undefined;
  #peers: ScmPeers | undefined;
  #addressBook: AddressBook | undefined;
  #raft: RaftHost | undefined;
  #group: Group | undefined;
  #listener: Listener | undefined;
  #front: ScmFront | undefined;
  #services: ScmServices | undefined;
  readonly #allocationAudit: AllocationAudit;

  private constructor(parts: ScmParts) {
    this.#parts = parts;
    this.#directories = directoriesOf(parts.config.storage);
    this.#allocationAudit = new AllocationAudit({ ...parts, ...parts.environment });
    this.fatal = new Promise((resolve) => {
      this.#resolveFatal = resolve;
    });
    this.nodes = createNodeManager({
      ...parts,
      clock: parts.environment.clock,
      onPurge: (slot) => this.#shards.purgeNode(slot),
      mayDelete: (id) => this.#services?.decisions.mayDelete(id) ?? false,
      onNodeEvent: (event, slot) => {
        if (event === "NEW_NODE") this.pipelines.load.nodeAdded(slot);
        this.#services?.pipelines.events.nodeEvent(event, slot);
        this.#services?.deadNodes.nodeEvent(event, slot);
      },
      onNodeChanged: (node) => {
        this.placement.nodeChanged(node);
        this.#services?.pipelines.events.nodeChanged(node);
      },
    });
    this.placement = createPlacement({
      ...parts,
      random: parts.environment.random,
      nodes: this.nodes,
      load: {
        countOf: (slot) => this.pipelines.load.countOf(slot),
        forEachPeer: (slot, visit) => this.pipelines.load.forEachPeer(slot, visit),
      },
    });
    this.#shards = new ScmShards({
      ...parts,
      clock: parts.environment.clock,
      scheduler: parts.environment.scheduler,
      nodes: () => this.nodes,
      awaited: this.placement.pending,
      onFailed: (error) => this.#raiseFatal(error),
      onDecision: (decision) => this.#services?.decisions.decided(decision),
    });
    this.cluster = new ClusterState({
      allocateStripe: (stripe) => this.#shards.allocateStripe(stripe),
      onReplicationConfig: (number, config) => this.#shards.addReplicationConfig(number, config),
      onContainerChanged: (id) => {
        this.#shards.containerChanged(id);
        this.#services?.closer.containerChanged(id);
        this.#services?.blocks.groups.containerChanged(id);
      },
      onNodeIntent: (uuid, intent) => this.nodes.applyIntent(uuid, intent),
      onPipelineChanged: (id) => {
        this.pipelines.changed(id);
        this.#services?.pipelines.changed(id);
        this.#services?.blocks.groups.pipelineChanged(id);
      },
    });
    this.pipelines = new ScmPipelines({
      cluster: this.cluster,
      nodes: () => this.nodes,
      nodeCountMax: parts.config.nodes.nodeCountMax,
    });
    this.pipelines.encoded.onChanged = (id) => this.#services?.blocks.groups.encodingChanged(id);
  }

  /** Takes the lock, recovers, starts the workers and Raft, opens its port. Who is alone waits until it
   * leads; a member of a group does not wait for the others.
   * Throws StorageError, CorruptionError, or LISTEN_FAILED; nothing is left running then. */
  static async start(parts: ScmParts): Promise<Scm> {
    const scm = new Scm(parts);
    try {
      await scm.#recover();
      // A thread that dies now would be waited for without end.
      await Promise.race([scm.#startThreads(), scm.fatal.then((error) => Promise.reject(error))]);
      await scm.#listen();
      return scm;
    } catch (error) {
      await scm.#abandon();
      throw error;
    }
  }

  get port(): number {
    return required(this.#listener).port;
  }

  /** It serves: as the leader, or as one that follows a leader and has caught up with it. */
  get isReady(): boolean {
    if (this.#listener === undefined || this.#isStopping || this.#hasFailed) return false;
    const { isLeader, leaderReady, leaderId } = this.raft.leadership;
    return isLeader ? leaderReady : leaderId !== NO_NODE && this.#services?.gate.step === undefined;
  }

  /** The Hadoop RPC gateway, if it is enabled. */
  get front(): ScmFront | undefined {
    return this.#front;
  }

  /** The way to the other members. */
  get peerNetwork(): PeerNetwork {
    return required(this.#peers).network;
  }

  get raft(): RaftHost {
    return required(this.#raft);
  }

  get context(): ScmContext {
    return required(this.#services).context;
  }

  get services(): ScmServices {
    return required(this.#services);
  }

  /** Who is in the Raft group, and changes of it. */
  get group(): Group {
    return required(this.#group);
  }

  get shards(): ShardSet {
    return this.#shards.set;
  }

  get intake(): ReportIntake {
    return this.#shards.intake;
  }

  get identity(): Recovered["identity"] {
    return required(this.#recovered).identity;
  }

  /** Refuses new requests, finishes what is under way, makes everything durable. Within `limitMs`; what is
   * not finished then is left to the next start. */
  async stop(limitMs: number): Promise<void> {
    this.#isStopping = true;
    await this.#services?.manager.stop();
    this.#allocationAudit.flush();
    // Before the connections close, so that what is under way gets its answers. After a failure nothing of
    // it can be finished.
    await new Promise<void>((resolve) => this.raft.stop(this.#hasFailed ? 0 : limitMs, resolve));
    // Closing ends what comes in at once, and then gives the peers a moment.
    await Promise.all([this.#listener?.close(), this.#front?.stop(), this.#stopWorkers()]);
    await this.#lock?.release();
  }

  async #recover(): Promise<void> {
    const { environment } = this.#parts;
    this.#lock = this.#parts.lock ?? (await environment.disk.lock(this.#directories.lock));
    this.#step("lock", this.#directories.root);
    this.#recovered = await recover(environment.disk, this.#directories, this.cluster, (step) => {
      if (step.isDone) this.#step(step.name, `${step.count}`);
    });
  }

  async #startWorkers(): Promise<void> {
    const { config, workers } = this.#parts;
    const recovered = required(this.#recovered);
    this.#log = workers.start("log", 0, {
      data: { path: this.#directories.raft, position: recovered.log },
      ringBytes: config.workers.logRingBytes,
    });
    this.#state = workers.start("state", 0, {
      data: { path: recovered.statePath, identity: recovered.identity },
      ringBytes: config.workers.stateRingBytes,
    });
    for (const link of [this.#log, this.#state]) {
      void link.ended.then((error) => error !== undefined && this.#raiseFatal(error));
    }
    await Promise.all([this.#log.started, this.#state.started, this.#shards.start()]);
    this.#step("workers", `log, state, ${config.workers.shardCount} shard(s)`);
  }

  async #startThreads(): Promise<void> {
    await this.#startWorkers();
    await this.#listenPeers();
    await this.#startRaft();
  }

  async #listenPeers(): Promise<void> {
    const { config, environment, logger, host } = this.#parts;
    const addressBook = new AddressBook({
      scheduler: environment.scheduler,
      own: () => peers.own,
      members: this.cluster.members,
      propose: (member, onOutcome) => {
        const operation = { kind: OPERATION.setMember, session: NO_SESSION, member } as const;
        this.raft.propose(operation, (outcome) => onOutcome(errorOfOutcome(outcome)));
      },
    });
    const peers = new ScmPeers({
      environment,
      logger,
      identity: this.identity,
      cluster: this.cluster,
      own: {
        name: config.group.name,
        host: host.name,
        ports: { ...NO_PORTS, strata: config.gateway.wsAddress.port, http: config.http.httpAddress.port },
      },
      addressOf: (name) => {
        const node = config.group.nodes.find((other) => other.name === name);
        return node === undefined || node.raftPort === 0
          ? undefined
          : { host: node.host, port: node.raftPort };
      },
      onMemberSeen: (member) => addressBook.heard(member),
      onRemoved: (by) => this.#onRemoved(by),
    });
    this.#peers = peers;
    this.#addressBook = addressBook;
    await peers.listen(config.scm.raftBindHost, config.scm.ratisPort);
  }

  /** It would campaign for ever among SCMs that do not listen; that it ends is what an operator sees
   * first. */
  #onRemoved(by: NodeId): void {
    if (this.#hasFailed) return;
    const { scmId, nodeId } = this.identity;
    this.#parts.logger.error("this SCM was removed from the group", { scmId, nodeId, toldBy: by });
    this.#raiseFatal(new StrataError("MEMBER_REMOVED", { scmId }));
  }

  async #startRaft(): Promise<void> {
    const { clock, scheduler, random } = this.#parts.environment;
    const recovered = required(this.#recovered);
    const raft = new RaftHost(
      {
        clock,
        scheduler,
        random,
        log: required(this.#log),
        state: required(this.#state),
        stateMachine: this.cluster,
        recovered,
        trace: loggingTrace(this.#parts.logger.child({ part: "raft" })),
        peers: (handler) => {
          const { network } = required(this.#peers);
          network.handler = handler;
          return network;
        },
        waitingSinceMs: () => this.#parts.audit.waitingSinceMs(),
        snapshots: (host) =>
          startSnapshots(host, {
            nodeId: recovered.identity.nodeId,
            environment: this.#parts.environment,
            logger: this.#parts.logger.child({ part: "snapshot" }),
            state: required(this.#state),
            cluster: this.cluster,
            network: required(this.#peers).network,
            recheckContainers: () => this.shards.recheckContainers(),
            onFatal: (error) => this.#raiseFatal(error),
          }),
        seed: () => this.#seed(),
      },
      raftOptionsOf(this.#parts.config),
    );
    this.#raft = raft;
    this.#group = new Group({
      clock,
      consensus: raft,
      control: raft,
      members: this.cluster.members,
      own: () => required(this.#peers).own,
      electionTimeoutMs: this.#parts.config.raft.electionTimeoutMs,
    });
    this.#services = startServices({
      ...this.#parts,
      raft,
      cluster: this.cluster,
      nodes: this.nodes,
      placement: this.placement,
      pipelines: this.pipelines,
      group: this.#group,
      addressBook: required(this.#addressBook),
      shards: this.shards,
      racks: this.#parts.racks,
    });
    raft.start();
    if (!isLoneVoter(raft.status())) {
      this.#step("raft", `member ${this.identity.nodeId} of a group`);
      return;
    }
    await new Promise<void>((resolve) => {
      if (raft.leadership.leaderReady) return resolve();
      const unsubscribe = raft.leadership.subscribe(({ leaderReady }) => {
        if (!leaderReady) return;
        unsubscribe();
        resolve();
      });
    });
    this.#step("raft", `leader of term ${raft.leadership.term}`);
  }

  /** The first operation of a fresh cluster (spec 07 §12.4). */
  #seed(): Operation | undefined {
    if (this.cluster.clusterId !== "") return undefined;
    const { identity, floors } = required(this.#recovered);
    return {
      kind: OPERATION.seedCluster,
      session: NO_SESSION,
      clusterId: identity.clusterId,
      importAllowed: floors.given,
      localIdFloor: floors.localIdFloor,
      termFloor: floors.termFloor,
    };
  }

  async #listen(): Promise<void> {
    const { primaryScmId } = required(this.#recovered);
    const rpc = createRpcServer({
      ...this.#parts,
      identity: this.identity,
      primaryScmId,
      cluster: this.cluster,
      nodes: this.nodes,
      pipelines: this.pipelines,
      raft: this.raft,
      group: this.group,
      services: this.services,
      shards: this.shards,
      intake: this.intake,
      allocationAudit: this.#allocationAudit,
      gatewayMetrics: this.gatewayMetrics,
      adminCounters: this.adminCounters,
    });
    const { config } = this.#parts;
    const { wsAddress } = config.gateway;
    this.#listener = await rpc.listen(wsAddress.host, wsAddress.port);
    const { port: strata } = this.#listener;
    const hadoop = config.hadoop.isEnabled ? await this.#startFront(rpc) : {};
    required(this.#peers).setPorts({ strata, ...hadoop });
    required(this.#addressBook).ownChanged();
    this.#step("listening", `${wsAddress.host}:${strata}`);
  }

  async #startFront(rpc: RpcServer): Promise<FrontPorts> {
    this.#front = new ScmFront({
      ...this.#parts,
      scheduler: this.#parts.environment.scheduler,
      identity: this.identity,
    });
    await this.#front.start(rpc);
    return this.#front.ports;
  }

  #raiseFatal(error: Error): void {
    this.#hasFailed = true;
    this.#resolveFatal(error);
  }

  async #stopWorkers(): Promise<void> {
    await Promise.all([this.#log?.stop(), this.#state?.stop(), this.#shards.stop()]);
  }

  /** After a failed start. What is in the log stays there. */
  async #abandon(): Promise<void> {
    await this.#services?.manager.stop();
    await new Promise<void>((resolve) => {
      if (this.#raft === undefined) resolve();
      else this.#raft.stop(0, resolve);
    });
    await Promise.all([this.#listener?.close(), this.#front?.stop()]);
    await this.#stopWorkers();
    await this.#lock?.release();
  }

  #step(name: BootStep["name"], detail: string): void {
    this.#parts.logger.info("start", { step: name, detail });
    this.#parts.onStep?.({ name, detail });
  }
}

function required<T>(part: T | undefined): T {
  if (part === undefined) throw new StrataError("NOT_READY", { step: "start" });
  return part;
}
