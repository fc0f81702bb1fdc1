import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  SCMDatanodeResponseValid,
  SCMHeartbeatRequestProtoSchema,
  SCMHeartbeatResponseProtoValid,
  SCMRegisteredResponseProto,
  SCMRegisterRequestProtoSchema,
} from "../../../protocol/hadoop/generated/datanode_pb.js";
import {
  SCMDatanodeRequestSchema,
  SCMDatanodeResponseSchema,
} from "../../../protocol/hadoop/generated/datanode_pb.js";
import type { DatanodeDetailsProtoSchema } from "../../../protocol/hadoop/generated/hdds_pb.js";
import { decodeMessage, encodeMessage } from "../../../protocol/hadoop/message.js";
import { HadoopClient } from "./hadoop-client.js";

export const DATANODE_PROTOCOL = "org.apache.hadoop.ozone.protocol.StorageContainerDatanodeProtocol";

type Init<S extends Parameters<typeof encodeMessage>[0]> = MessageInitShape<S>;
export type DetailsInit = Exclude<Init<typeof DatanodeDetailsProtoSchema>, { $typeName: string }>;
export type HeartbeatInit = Omit<
  Init<typeof SCMHeartbeatRequestProtoSchema>,
  "datanodeDetails" | "$typeName"
>;
export type RegisterInit = Omit<
  Init<typeof SCMRegisterRequestProtoSchema>,
  "extendedDatanodeDetails" | "$typeName"
>;

/** What a datanode of 2.2.0 says in every heartbeat. */
const LAYOUT = { metadataLayoutVersion: 10, softwareLayoutVersion: 10 };
const CAPACITY = 2n ** 40n;
const PORTS = [
  "STANDALONE",
  "RATIS",
  "REST",
  "REPLICATION",
  "RATIS_ADMIN",
  "RATIS_SERVER",
  "HTTP",
  "CLIENT_RPC",
];

/** The details that a datanode sends, in all three forms of its id (spec 12 §4). */
export function detailsOf(uuid: string, more: Partial<DetailsInit> = {}): DetailsInit {
  const hex = uuid.replaceAll("-", "");
  const half = (from: number): bigint => BigInt.asIntN(64, BigInt(`0x${hex.slice(from, from + 16)}`));
  const uuid128 = { mostSigBits: half(0), leastSigBits: half(16) };
  return {
    uuid,
    ipAddress: "127.0.0.1",
    hostName: "localhost",
    ports: PORTS.map((name, at) => ({ name, value: 9000 + at })),
    persistedOpStateExpiry: 0n,
    currentVersion: 3,
    uuid128,
    id: { uuid: uuid128 },
    ...more,
  };
}

/** A datanode as the SCM sees one: registers, beats, reports, by the generated code. */
export class HadoopDatanode {
  readonly uuid: string;
  readonly details: DetailsInit;
  readonly #port: number;
  #client: HadoopClient | undefined;

  constructor(port: number, uuid: string = randomUUID(), more: Partial<DetailsInit> = {}) {
    this.#port = port;
    this.uuid = uuid;
    this.details = detailsOf(uuid, more);
  }

  /** The present connection; a new one after `reconnect` or `close`. */
  get client(): HadoopClient {
    if (this.#client === undefined || this.#client.isClosed) {
      this.#client = new HadoopClient({ port: this.#port, protocol: DATANODE_PROTOCOL, user: "hdfs" });
    }
    return this.#client;
  }

  /** A datanode whose heartbeats are more than 10 s apart has a new connection for each (spec 12 §2.6). */
  async close(): Promise<void> {
    await this.#client?.close();
  }

  async getVersion(): Promise<ReadonlyMap<string, string>> {
    const { getVersionResponse } = await this.#submit({ cmdType: 1, getVersionRequest: {} });
    return new Map(getVersionResponse?.keys.map(({ key, value }) => [key, value]));
  }

  async register(more: Partial<RegisterInit> = {}): Promise<SCMRegisteredResponseProto> {
    const { registerResponse } = await this.#submit({ cmdType: 2, registerRequest: this.registration(more) });
    if (registerResponse === undefined) throw new Error("no registerResponse");
    return registerResponse;
  }

  async heartbeat(more: HeartbeatInit = {}): Promise<SCMHeartbeatResponseProtoValid> {
    const { sendHeartbeatResponse } = await this.#submit({
      cmdType: 3,
      sendHeartbeatRequest: this.beat(more),
    });
    if (sendHeartbeatResponse === undefined) throw new Error("no sendHeartbeatResponse");
    return sendHeartbeatResponse;
  }

  heartbeatBody(more: HeartbeatInit = {}): Uint8Array {
    return encodeMessage(SCMDatanodeRequestSchema, { cmdType: 3, sendHeartbeatRequest: this.beat(more) });
  }

  registration(more: Partial<RegisterInit> = {}): Init<typeof SCMRegisterRequestProtoSchema> {
    return {
      extendedDatanodeDetails: {
        datanodeDetails: this.details,
        version: "2.2.0",
        setupTime: 1_700_000_000_000n,
        revision: "0123456789abcdef",
      },
      nodeReport: { storageReport: [storageReport(this.uuid)], metadataStorageReport: [metadataReport()] },
      containerReport: {},
      pipelineReports: {},
      dataNodeLayoutVersion: LAYOUT,
      ...more,
    };
  }

  beat(more: HeartbeatInit = {}): Init<typeof SCMHeartbeatRequestProtoSchema> {
    return {
      datanodeDetails: this.details,
      dataNodeLayoutVersion: LAYOUT,
      commandQueueReport: {},
      ...more,
    };
  }

  async #submit(request: Init<typeof SCMDatanodeRequestSchema>): Promise<SCMDatanodeResponseValid> {
    const body = encodeMessage(SCMDatanodeRequestSchema, request);
    return decodeMessage(SCMDatanodeResponseSchema, await this.client.call("submitRequest", body));
  }
}

function storageReport(uuid: string): object {
  return {
    storageUuid: `DS-${uuid}`,
    storageLocation: "/data/hdds",
    capacity: CAPACITY,
    scmUsed: 0n,
    remaining: CAPACITY,
    storageType: 1,
    failed: false,
    committed: 0n,
    freeSpaceToSpare: 0n,
    reserved: 0n,
    fsCapacity: CAPACITY,
    fsAvailable: CAPACITY,
  };
}

function metadataReport(): object {
  return { storageLocation: "/data/ratis", storageType: 1, capacity: CAPACITY, remaining: CAPACITY };
}
