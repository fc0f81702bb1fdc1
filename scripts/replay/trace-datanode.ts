import type { Uuid } from "../../engine/core/uuid.js";
import {
  BufferReportSource,
  createDatanodeClient,
  type DatanodeClient,
  RemoteError,
  type RpcError,
  reportRows,
} from "../../protocol/client/index.js";
import { fullReportRows, heartbeatRequest, registerRequest, replicaRow } from "./convert.js";
import { type JsonObject, objects } from "./trace.js";

const ROW_BYTES_WITH_CHECKSUM = 40;

/** A datanode of the trace on a connection of its own. Everything it sends is awaited, so that what the
 * trace says happened in order happens in that order. */
export class TraceDatanode {
  readonly uuid: Uuid;
  /** Where the recorded SCM saw it. */
  address: string;
  #client: DatanodeClient | undefined;
  #wasToldToRegister = false;

  constructor(uuid: Uuid, address: string) {
    this.uuid = uuid;
    this.address = address;
  }

  /** A fresh connection, as a process that starts makes one. */
  async connect(endpoint: string): Promise<void> {
    this.close();
    await new Promise<void>((resolve, reject) => {
      this.#client = createDatanodeClient(
        { endpoints: [endpoint], clientName: "replay" },
        {
          onConnected: () => resolve(),
          onLost: (error: RpcError) => reject(error),
          onReregister: () => {
            this.#wasToldToRegister = true;
          },
        },
      );
      this.#client.start();
    });
  }

  get isConnected(): boolean {
    return this.#client?.isConnected === true;
  }

  /** Answers whether the SCM took it; only then a datanode sends its full report. */
  async register(body: JsonObject): Promise<boolean> {
    try {
      await this.#connected().sendRegistration(registerRequest(body));
      return true;
    } catch (error) {
      if (error instanceof RemoteError) return false;
      throw error;
    }
  }

  /** Answers whether the SCM knew the datanode; only then it sends its reports. */
  async heartbeat(body: JsonObject): Promise<boolean> {
    this.#wasToldToRegister = false;
    await this.#connected().sendHeartbeat(heartbeatRequest(body));
    return !this.#wasToldToRegister;
  }

  async fullReport(report: JsonObject, fromRegistration: boolean): Promise<void> {
    const rows = reportRows(
      fullReportRows(report, this.uuid).map(named),
      "ascending",
      ROW_BYTES_WITH_CHECKSUM,
    );
    await this.#connected().sendFullReport(new BufferReportSource(rows), fromRegistration);
  }

  async incrementalReport(report: JsonObject): Promise<void> {
    const rows = objects(report["report"]).map((row) => replicaRow(row, this.uuid));
    if (rows.length === 0) return;
    await this.#connected().sendIncrementalReport(
      reportRows(rows.map(named), "free", ROW_BYTES_WITH_CHECKSUM),
    );
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #connected(): DatanodeClient {
    if (this.#client === undefined) throw new Error("the trace's datanode is not connected");
    return this.#client;
  }
}

function named(row: ReturnType<typeof replicaRow>) {
  const { origin, ...rest } = row;
  return { ...rest, originNodeId: origin };
}
