import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Uuid } from "../../engine/core/uuid.js";
import type { ReportRow } from "../../protocol/codec/report-rows.js";
import type { DatanodeModel, ServedPipeline } from "./datanode-model.js";

/** A replica as it is now, or a pipeline; `null` = gone. */
type Line =
  | readonly [kind: "replica", node: Uuid, id: number, replica: readonly [ReportRow, Uuid | null] | null]
  | readonly [kind: "pipeline", node: Uuid, id: Uuid, pipeline: ServedPipeline | null];

/** What the simulated datanodes of one process have on disk besides their plan: a line a change, of which the
 * last one about a thing counts. Changes gather until `flush`, so that it costs as much for containers that
 * grow a hundred times a second as for others. */
export class FleetDisk {
  readonly #path: string;
  /** The last line about each thing, and those among them that are not in the file. */
  readonly #lines = new Map<string, Line>();
  readonly #dirty = new Set<string>();

  /** Reads what an earlier process left. */
  constructor(path: string) {
    this.#path = path;
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    for (const line of text.split("\n")) {
      const parsed = parse(line);
      if (parsed === undefined) continue;
      if (parsed[3] === null) this.#lines.delete(keyOf(parsed));
      else this.#lines.set(keyOf(parsed), parsed);
    }
    // One line a thing instead of its history.
    const next = `${path}.tmp`;
    writeFileSync(next, textOf([...this.#lines.values()]));
    renameSync(next, path);
  }

  /** Gives a datanode back what it had. */
  restore(model: DatanodeModel): void {
    const lines = [...this.#lines.values()].filter(([, node]) => node === model.uuid);
    for (const line of lines) {
      if (line[0] === "replica" && line[3] !== null) model.putReplica(line[3][0], line[3][1] ?? undefined);
    }
    for (const line of lines) {
      if (line[0] === "pipeline" && line[3] !== null) model.restorePipeline(line[2], line[3]);
    }
  }

  noteReplica(node: Uuid, row: ReportRow, pipelineId: Uuid | undefined): void {
    const replica = row.state === "DELETED" ? null : ([row, pipelineId ?? null] as const);
    this.#note(["replica", node, row.containerId, replica]);
  }

  notePipeline(node: Uuid, pipelineId: Uuid, pipeline: ServedPipeline | undefined): void {
    this.#note(["pipeline", node, pipelineId, pipeline ?? null]);
  }

  /** What it has written reaches the kernel before this returns. */
  flush(): void {
    if (this.#dirty.size === 0) return;
    const lines = [...this.#dirty].map((key) => this.#lines.get(key) as Line);
    appendFileSync(this.#path, textOf(lines));
    for (const line of lines) if (line[3] === null) this.#lines.delete(keyOf(line));
    this.#dirty.clear();
  }

  #note(line: Line): void {
    const key = keyOf(line);
    this.#lines.set(key, line);
    this.#dirty.add(key);
  }
}

function keyOf([kind, node, id]: Line): string {
  return `${kind} ${node} ${id}`;
}

function textOf(lines: readonly Line[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Undefined for a line that was cut off. */
function parse(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return undefined;
  }
}
