import assert from "node:assert/strict";
import { ratis } from "../../../engine/cluster/containers/replication-config.js";
import { NodeManager } from "../../../engine/cluster/nodes/node-manager.js";
import { DEFAULT_SCHEMA } from "../../../engine/cluster/topology/schema.js";
import { Topology } from "../../../engine/cluster/topology/topology.js";
import { CONTAINER_STATE, type ContainerState } from "../../../engine/core/enums.js";
import { StrataError } from "../../../engine/core/errors.js";
import { containerId, type NodeSlot } from "../../../engine/core/ids.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { DatanodeGateway } from "../../../engine/gateway/datanode-gateway.js";
import { ScmShards } from "../../../engine/scm-shards.js";
import { silentLogger } from "../../../engine/telemetry/logger.js";
import type { OperationName, RequestOf, ResponseOf } from "../../../protocol/schema/messages.js";
import type { ReplicaFacts } from "../../../workers/pool/replica-store.js";
import { Shard } from "../../../workers/shard/shard.js";
import { CONTAINER_ROW, STRIPE_ROWS, stripeOf } from "../../../workers/shared/container-layout.js";
import type { ReplicaDecision } from "../../../workers/shared/shard-records.js";
import { LocalWorkers } from "../workers/local-workers.js";
import { type TestRow, testRows } from "../workers/report-rows.js";
import { HEARTBEAT, registration, uuidOf } from "./datanode-world.js";
import { type FakeConnection, RpcWorld } from "./rpc-world.js";

const END = Number.MAX_SAFE_INTEGER;

export interface ReportWorldOptions {
  readonly shardCount?: number;
  readonly ringBytes?: number;
  readonly chunksInFlightMax?: number;
  readonly connectionCountMax?: number;
}

/** Of the only replication configuration. */
const RATIS_NUMBER = 1;

type Chunk = RequestOf<"fullReportChunk">;

/** The way of a report as in an SCM, from the frame to the table: RPC server, gateway, node manager, intake
 * and real shards, on virtual time and the test's thread, with connections made by hand. Nothing moves
 * but by `settle`. */
export class ReportWorld {
  readonly rpc: RpcWorld;
  readonly nodes: NodeManager;
  readonly shards: ScmShards;
  readonly decisions: ReplicaDecision[] = [];
  readonly #workers = new LocalWorkers((context) => new Shard(context));
  readonly #containers = new Map<number, DataView>();

  private constructor(options: ReportWorldOptions) {
    const { shardCount = 2, ringBytes = 1024 * 1024, chunksInFlightMax = 8 } = options;
    const { connectionCountMax = 1000 } = options;
    this.rpc = new RpcWorld({
      connectionCountMax,
      connectionsPerAddressMax: connectionCountMax,
      requestsInFlightMax: 64,
    });
    const { clock, scheduler } = this.rpc;
    this.nodes = new NodeManager({
      processIntervalMs: 3_000,
      staleIntervalMs: 300_000,
      deadIntervalMs: 600_000,
      layout: { metadata: 1, software: 1 },
      useDatanodeHostname: true,
      nodeCountMax: 10_000,
      firstCommandId: 1,
      topology: new Topology(DEFAULT_SCHEMA, 10_000),
      mayDelete: () => true,
      listener: {
        onEvent: () => {},
        onPurge: (slot) => this.shards.purgeNode(slot),
        onNodeChanged: () => {},
      },
    });
    this.shards = new ScmShards({
      config: {
        workers: { shardCount, shardRingBytes: ringBytes, logRingBytes: 0, stateRingBytes: 0 },
        containers: { closeWaitMs: 150_000, unknownAction: "WARN" },
        reports: { chunksInFlightMax, chunksPerNodeMax: Math.min(4, chunksInFlightMax) },
      },
      workers: this.#workers,
      clock,
      scheduler,
      logger: silentLogger,
      nodes: () => this.nodes,
      awaited: { awaitedCountOf: () => 0, forEachAwaited: () => undefined, confirm: () => undefined },
      onFailed: (error) => {
        throw error;
      },
      onDecision: (decision) => this.decisions.push({ ...decision }),
    });
  }

  static async create(options: ReportWorldOptions = {}): Promise<ReportWorld> {
    const world = new ReportWorld(options);
    await world.shards.start();
    world.shards.addReplicationConfig(RATIS_NUMBER, ratis(3));
    const services = {
      nodes: world.nodes,
      reports: world.shards.intake,
      clock: world.rpc.clock,
      scheduler: world.rpc.scheduler,
      clusterId: "CID-1",
      onPipelineReports: () => undefined,
      onContainerActions: () => undefined,
      onPipelineActions: () => undefined,
      busyWith: () => undefined,
      leader: () => ({ isLeader: true, term: 1 }),
    };
    new DatanodeGateway(world.rpc.server, services, world.rpc.metrics);
    return world;
  }

  /** Writes a container of RATIS/THREE, without data and with sequence id 0, as `apply` would, and tells the
   * shards. */
  setContainer(id: number, state: ContainerState): void {
    const stripe = stripeOf(id);
    let view = this.#containers.get(stripe);
    if (view === undefined) {
      view = new DataView(this.shards.allocateStripe(stripe));
      this.#containers.set(stripe, view);
    }
    const at = (id % STRIPE_ROWS) * CONTAINER_ROW.rowBytes;
    view.setUint16(at + CONTAINER_ROW.fields.replication.offset, RATIS_NUMBER, true);
    view.setUint8(at + CONTAINER_ROW.fields.state.offset, CONTAINER_STATE[state]);
    this.shards.containerChanged(id);
  }

  /** Datanode `number` on a connection of its own, registered. */
  datanode(number: number): ReportingPeer {
    const connection = this.rpc.greeted();
    this.rpc.ask(connection, "register", registration(uuidOf(number)));
    assert.equal(connection.lastAnswer.error, undefined);
    return new ReportingPeer(this, connection, uuidOf(number));
  }

  slotOf(number: number): NodeSlot {
    return this.nodes.slotOf(uuidOf(number)) as NodeSlot;
  }

  /** Runs until nothing moves any more; time goes on by a few ms, as long as a retry takes. */
  settle(): void {
    const { intake } = this.shards;
    for (let i = 0; i < 3 || intake.waitingBytes > 0; i++) {
      assert.ok(i < 1000, "the shards take what waits");
      this.rpc.turn();
      this.#workers.settle();
      this.rpc.turn();
    }
  }

  /** Replicas by datanode, in order. */
  replicasOf(id: number): ReplicaFacts[] {
    let found: readonly ReplicaFacts[] = [];
    this.shards.set.queryReplicas(containerId(id), (answer) => {
      assert.ok(!(answer instanceof StrataError), String(answer));
      found = answer.replicas;
    });
    this.settle();
    return [...found].sort((a, b) => a.node - b.node);
  }

  /** `<slot>:<used bytes>` of each replica. */
  tableOf(id: number): string[] {
    return this.replicasOf(id).map(({ node, usedBytes }) => `${node}:${usedBytes}`);
  }

  /** Ends a shard from outside; resolves when its successor runs. */
  async loseShard(shard: number): Promise<void> {
    const link = this.#workers.links[shard];
    link?.terminate(new StrataError("WORKER_TERMINATED", { role: "shard", index: shard }));
    await link?.ended;
    await new Promise((resolve) => setImmediate(resolve));
  }

  checkInvariants(): void {
    for (const { loop } of this.#workers.links) loop.checkInvariants();
  }
}

/** A datanode that sends what the test wants. */
export class ReportingPeer {
  readonly #world: ReportWorld;
  readonly connection: FakeConnection;
  readonly uuid: Uuid;

  constructor(world: ReportWorld, connection: FakeConnection, uuid: Uuid) {
    this.#world = world;
    this.connection = connection;
    this.uuid = uuid;
  }

  /** Code with which the connection was closed, undefined while it is open. */
  get closedWith(): string | undefined {
    return this.connection.closed?.reason.split(":")[0];
  }

  /** The error codes and names of the answers from the one numbered `from` on. */
  answers(from = 0): string[] {
    return this.connection.answers.slice(from).map(({ error, name }) => error?.code ?? name ?? "?");
  }

  tell(name: OperationName, body: object): void {
    this.#world.rpc.ask(this.connection, name, body);
  }

  /** Asks for credit; the report's id when it is given. */
  begin(rowCount = 100_000): number | undefined {
    const { answers } = this.connection;
    const before = answers.length;
    this.tell("fullReportBegin", { fromRegistration: false, rowCount });
    this.#world.rpc.turn();
    const grant = answers.slice(before).findLast(({ name, error }) => name === "fullReportBegin" && !error);
    return (grant?.body as ResponseOf<"fullReportBegin"> | undefined)?.reportId;
  }

  /** A chunk of `rows`, by default the whole report. */
  chunk(reportId: number, rows: readonly TestRow[], changes: Partial<Chunk> = {}): Chunk {
    const { fromId = 0, toId = END } = changes;
    const encoded = testRows(rows);
    const origins = fromId === 0 ? { origins: encoded.origins } : {};
    const range = { fromId, toId, last: toId === END };
    return { reportId, ...range, rowBytes: encoded.rowBytes, rows: encoded.rows, ...origins, ...changes };
  }

  sendChunk(reportId: number, rows: readonly TestRow[], changes: Partial<Chunk> = {}): void {
    this.tell("fullReportChunk", this.chunk(reportId, rows, changes));
  }

  /** A whole report, merged. */
  report(rows: readonly TestRow[]): void {
    const reportId = this.begin(rows.length);
    assert.ok(reportId !== undefined, `credit, not ${this.answers().at(-1)} ${this.closedWith}`);
    this.sendChunk(reportId, rows);
    this.#world.settle();
    assert.deepEqual([this.closedWith, this.answers().at(-1)], [undefined, "fullReportChunk"]);
  }

  /** Whether the answer to a heartbeat asks for a full report. */
  isAskedToReport(): boolean {
    this.tell("heartbeat", HEARTBEAT);
    const { body, name } = this.connection.lastAnswer;
    assert.equal(name, "heartbeat");
    return (body as ResponseOf<"heartbeat">).fullReportWanted;
  }
}
