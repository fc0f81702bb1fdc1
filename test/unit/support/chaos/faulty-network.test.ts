import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FaultyNetwork } from "../../../support/chaos/faulty-network.js";
import { freePort, LOOPBACK } from "../../../support/process/scm-home.js";
import { waitFor } from "../../../support/wait.js";

/** Long enough for something that must not happen to happen. */
const QUIET_MS = 80;

describe("a faulty network", () => {
  let network: FaultyNetwork;
  let server: Server;
  let port: number;
  /** Ends of the connections at b, and what they have heard. */
  let accepted: { readonly socket: Socket; text: string; isClosed: boolean }[];

  beforeEach(async () => {
    accepted = [];
    network = new FaultyNetwork();
    server = createServer((socket) => {
      const end = { socket, text: "", isClosed: false };
      accepted.push(end);
      socket.on("data", (bytes) => {
        end.text += String(bytes);
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        end.isClosed = true;
      });
    });
    const targetPort = await freePort();
    server.listen({ host: LOOPBACK, port: targetPort });
    await once(server, "listening");
    port = await network.portFor("a", "b", targetPort);
  });

  afterEach(() => {
    network.close();
    for (const { socket } of accepted) socket.destroy();
    server.close();
  });

  /** A connection that a dials to b. */
  async function dialled() {
    const socket = connect({ host: LOOPBACK, port });
    const end = { socket, text: "", ended: "" };
    socket.on("data", (bytes) => {
      end.text += String(bytes);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      end.ended = error.code ?? "error";
    });
    socket.on("close", () => {
      end.ended ||= "closed";
    });
    await once(socket, "connect");
    return end;
  }

  async function joined() {
    const here = await dialled();
    await waitFor("b accepts", () => accepted.length === 1);
    return { here, there: accepted[0] as (typeof accepted)[number] };
  }

  test("carries bytes both ways, and the end of a connection", async () => {
    const { here, there } = await joined();
    here.socket.write("ping");
    await waitFor("b hears", () => there.text === "ping");
    there.socket.write("pong");
    await waitFor("a hears", () => here.text === "pong");
    there.socket.end();
    await waitFor("a hears the end", () => here.ended === "closed");
    assert.equal(network.carriedBytes("a", "b"), 4);
  });

  test("holds what goes one way, and lets the other way go on", async () => {
    const { here, there } = await joined();
    network.setFault("a", "b", { isCut: true });
    here.socket.write("late");
    there.socket.write("in time");
    await waitFor("a hears", () => here.text === "in time");
    await sleep(QUIET_MS);
    assert.equal(there.text, "");
    network.heal();
    await waitFor("b hears", () => there.text === "late");
  });

  test("tells nobody that the other end is gone while the way is cut", async () => {
    const { here, there } = await joined();
    network.setFault("b", "a", { isCut: true });
    there.socket.destroy();
    await sleep(QUIET_MS);
    assert.equal(here.ended, "");
    network.heal();
    await waitFor("a hears the end", () => here.ended !== "");
  });

  test("lets new connections wait while a way is cut, whichever it is", async () => {
    network.setFault("b", "a", { isCut: true });
    const here = await dialled();
    here.socket.write("hello");
    await sleep(QUIET_MS);
    assert.equal(accepted.length, 0);
    network.heal();
    await waitFor("b hears", () => accepted[0]?.text === "hello");
  });

  test("forgets a connection that was given up while the way was cut", async () => {
    network.setFault("a", "b", { isCut: true });
    const here = await dialled();
    here.socket.destroy();
    await sleep(QUIET_MS);
    network.heal();
    const { there } = await joined();
    assert.equal(there.isClosed, false);
  });

  test("delays", async () => {
    const { here, there } = await joined();
    network.setFault("a", "b", { delayMs: 200 });
    const startMs = performance.now();
    here.socket.write("slow");
    await waitFor("b hears", () => there.text === "slow");
    assert.ok(performance.now() - startMs >= 199);
  });

  test("throttles", async () => {
    const { here, there } = await joined();
    network.setFault("a", "b", { bytesPerSecond: 10_000 });
    const startMs = performance.now();
    here.socket.write("x".repeat(2_000));
    await waitFor("b hears", () => there.text.length === 2_000);
    here.socket.write("y");
    await waitFor("b hears more", () => there.text.endsWith("y"));
    assert.ok(performance.now() - startMs >= 199);
  });

  test("lets who sends too much wait", async () => {
    const { here, there } = await joined();
    network.setFault("a", "b", { isCut: true });
    const sent = Buffer.alloc(32 * 1024 * 1024, "z");
    let isSent = false;
    here.socket.write(sent, () => {
      isSent = true;
    });
    await sleep(QUIET_MS);
    assert.equal(isSent, false);
    network.heal();
    await waitFor("b hears all", () => there.text.length === sent.length);
  });

  test("resets", async () => {
    const { here, there } = await joined();
    network.reset("b", "a");
    await waitFor("a is told", () => here.ended === "ECONNRESET");
    await waitFor("b is told", () => there.isClosed);
  });

  test("closes what nobody answers", async () => {
    server.close();
    const here = await dialled();
    await waitFor("a is told", () => here.ended !== "");
  });
});
