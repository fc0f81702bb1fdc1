import type { Uuid } from "../../../engine/core/uuid.js";
import {
  BufferReportSource,
  createDatanodeClient,
  type DatanodeClient,
  type HeartbeatResponse,
  type ReportRow,
  ROW_BYTES_WITH_CHECKSUM,
  reportRows,
} from "../../../protocol/client/index.js";

/** What all replicas of a container have in the end. */
const RECONCILED = 0xabcdefn;

/** A datanode on real sockets that does at once what it is told about its replicas, and reports that. */
export class ObedientDatanode {
  readonly #client: DatanodeClient;
  readonly #rows: Map<number, ReportRow>;
  /** What it was told, as `<type> <container> <peers>`. */
  readonly commands: string[] = [];
  /** Its first full report was merged. */
  isReported = false;

  constructor(uuid: Uuid, endpoint: string, rows: readonly ReportRow[]) {
    this.#rows = new Map(rows.map((row) => [row.containerId, row]));
    this.#client = createDatanodeClient(
      { endpoints: [endpoint], clientName: "datanode of a test" },
      {
        onRegistered: () => this.#report(true),
        onFullReportWanted: () => this.#report(false),
        onCommands: (commands) => this.#obey(commands),
      },
      {
        registration: () => ({
          details: {
            uuid,
            ipAddress: "127.0.0.1",
            hostName: "localhost",
            ports: [{ name: "RATIS", value: 9858 }],
          },
          report: { storageReports: [], metadataStorageReports: [] },
          pipelineReports: [],
          layout: { metadata: 10, software: 10 },
        }),
        heartbeat: () => ({ persistedOpState: "IN_SERVICE", persistedOpStateExpiry: 0 }),
        heartbeatIntervalMs: 50,
      },
    );
  }

  start(): void {
    this.#client.start();
  }

  close(): void {
    this.#client.close();
  }

  #report(fromRegistration: boolean): void {
    const rows = [...this.#rows.values()].sort((a, b) => a.containerId - b.containerId);
    const source = new BufferReportSource(reportRows(rows, "ascending", ROW_BYTES_WITH_CHECKSUM));
    this.#client.sendFullReport(source, fromRegistration).then(
      () => {
        this.isReported = true;
      },
      // One that is cut off is asked for again.
      () => {},
    );
  }

  #obey(commands: HeartbeatResponse["commands"]): void {
    const changed: ReportRow[] = [];
    for (const { type, containerId = 0, peers = [] } of commands) {
      this.commands.push([type, containerId, ...peers.map(({ uuid }) => uuid)].join(" "));
      const row = this.#rows.get(containerId);
      if (row === undefined) continue;
      const after = afterCommand(row, type);
      if (after.state === "DELETED") this.#rows.delete(containerId);
      else this.#rows.set(containerId, after);
      changed.push(after);
    }
    if (changed.length === 0) return;
    // What is lost with the connection comes with the full report of the next one.
    this.#client.sendIncrementalReport(reportRows(changed, "free", ROW_BYTES_WITH_CHECKSUM)).catch(() => {});
  }
}

function afterCommand(row: ReportRow, type: string): ReportRow {
  switch (type) {
    case "closeContainerCommand":
      return { ...row, state: "CLOSED" };
    case "deleteContainerCommand":
      return { ...row, state: "DELETED" };
    case "reconcileContainerCommand":
      return { ...row, dataChecksum: RECONCILED };
    default:
      return row;
  }
}
