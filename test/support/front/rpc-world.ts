import type { Clock } from "../../../engine/core/clock.js";
import type { Scheduler } from "../../../engine/core/scheduler.js";
import { NodeScheduler } from "../../../engine/host/node-scheduler.js";
import type { HadoopCall, HadoopProtocol } from "../../../workers/front/rpc/call.js";
import { HadoopServer } from "../../../workers/front/rpc/hadoop-server.js";
import type { FrontPort, FrontSettings } from "../../../workers/shared/front-settings.js";
import { ManualScheduler } from "../consensus/manual-scheduler.js";

export const LOOPBACK = "127.0.0.1";

export const SETTINGS: FrontSettings = {
  clusterId: "CID-1",
  scmId: "11111111-2222-3333-4444-555555555555" as FrontSettings["scmId"],
  hostName: "localhost",
  listen: {
    client: { host: LOOPBACK, port: 0 },
    datanode: { host: LOOPBACK, port: 0 },
    block: { host: LOOPBACK, port: 0 },
  },
  connectionCountMax: 20_000,
  frameBytesMax: { client: 16 * 1024 * 1024, datanode: 128 * 1024 * 1024, block: 40 * 1024 * 1024 },
  bufferedBytesMax: 512 * 1024 * 1024,
  ipcPackage: "ipc_",
  heartbeatIntervalMs: 30_000,
  deadIntervalMs: 600_000,
  heldReportBytesMax: 512 * 1024 * 1024,
};

/** A protocol that keeps its calls, or answers each with `answer`. */
export class KeepingProtocol implements HadoopProtocol {
  readonly name: string;
  readonly methods: ReadonlySet<string>;
  readonly calls: HadoopCall[] = [];
  /** Copies of the bodies, in the order of their calls. */
  readonly bodies: Uint8Array[] = [];
  readonly cutOff: { readonly method: string; readonly body: Uint8Array }[] = [];
  answer: ((call: HadoopCall) => Uint8Array) | undefined;

  constructor(name: string, method: string) {
    this.name = name;
    this.methods = new Set([method]);
  }

  handle(call: HadoopCall): void {
    this.bodies.push(new Uint8Array(call.body));
    if (this.answer === undefined) this.calls.push(call);
    else call.reply(this.answer(call));
  }

  onCutOff(method: string, body: Uint8Array): void {
    this.cutOff.push({ method, body: new Uint8Array(body) });
  }
}

/** The server of the front on a real socket, with time that passes when the test says so. */
export class RpcWorld {
  readonly time = new ManualScheduler();
  readonly server: HadoopServer;
  readonly protocol: KeepingProtocol;
  port = 0;

  private constructor(protocol: KeepingProtocol, settings: Partial<FrontSettings>) {
    const turns = new NodeScheduler();
    const clock: Clock = this.time;
    const scheduler: Scheduler = {
      after: (delayMs, task) => this.time.after(delayMs, task),
      every: (intervalMs, task) => this.time.every(intervalMs, task),
      endOfTurn: (task) => turns.endOfTurn(task),
    };
    this.protocol = protocol;
    this.server = new HadoopServer({ settings: { ...SETTINGS, ...settings }, clock, scheduler });
  }

  static async open(
    protocol: KeepingProtocol,
    settings: Partial<FrontSettings> = {},
    name: FrontPort = "datanode",
  ): Promise<RpcWorld> {
    const world = new RpcWorld(protocol, settings);
    world.port = await world.server.listen(name, [protocol]);
    return world;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
