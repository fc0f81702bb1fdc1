import { connect, createServer, type Server, type Socket } from "node:net";
import { FrameSplitter } from "../../test/support/hadoop/frame-splitter.js";
import type { RpcCall } from "../../test/support/hadoop/recorded-frames.js";
import { freePort } from "../../test/support/process/scm-home.js";
import { HOST, type ScmService, singleClientKeys } from "./scm-service.js";

/** Stands between the programs and an SCM, and keeps the frames of each call. */
export class FrameRecorder {
  readonly calls: RpcCall[] = [];
  readonly #servers: Server[] = [];
  #step = "";

  /** The step that the next calls belong to. */
  set step(name: string) {
    this.#step = name;
  }

  /** The same SCM, reached through this recorder. */
  async around(scm: ScmService): Promise<ScmService> {
    const [server] = scm.servers;
    if (server === undefined || scm.servers.length > 1) throw new Error("frames are recorded of one SCM");
    const { ports } = server;
    const clientKeys = singleClientKeys({
      ...ports,
      client: await this.#listen(ports.client),
      block: await this.#listen(ports.block),
      datanode: await this.#listen(ports.datanode),
    });
    return {
      servers: scm.servers,
      clientKeys,
      start: () => scm.start(),
      end: async () => {
        for (const proxy of this.#servers) proxy.close();
        await scm.end();
      },
    };
  }

  async #listen(target: number): Promise<number> {
    const port = await freePort();
    const server = createServer((client) => this.#connect(client, target));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
    return port;
  }

  #connect(client: Socket, target: number): void {
    const scm = connect({ host: HOST, port: target });
    const frames = new FrameSplitter((call) => this.calls.push({ step: this.#step, ...call }));
    pass(client, scm, (bytes) => frames.fromClient(bytes));
    pass(scm, client, (bytes) => frames.fromServer(bytes));
  }
}

function pass(from: Socket, to: Socket, look: (bytes: Uint8Array) => void): void {
  from.setNoDelay(true);
  from.on("data", (bytes) => {
    look(bytes);
    to.write(bytes);
  });
  from.on("close", () => to.destroy());
  from.on("error", () => to.destroy());
}
