/** Opens `count` connections to `port` in a process of its own, so that each end has its own limit of
 * descriptors. Prints `open` when all have been upgraded. On stdin: `close` ends them in order, `reset`
 * cuts them off. */
import { connect, type Socket } from "node:net";

const [port, count] = process.argv.slice(2).map(Number) as [number, number];
const AT_ONCE = 200;
const REQUEST = [
  "GET /datanode HTTP/1.1",
  "Host: x",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: strata.v1",
  "\r\n",
].join("\r\n");

const sockets: Socket[] = [];
let openCount = 0;
let goneCount = 0;

function dial(): void {
  if (sockets.length === count) return;
  const socket = connect({ port, host: "127.0.0.1" });
  sockets.push(socket);
  socket.once("connect", () => socket.write(REQUEST));
  socket.once("data", () => {
    openCount++;
    if (openCount === count) console.log("open");
    else dial();
  });
  socket.on("error", () => {});
  socket.once("close", () => {
    goneCount++;
    if (goneCount === count) process.exit(0);
  });
}

for (let i = 0; i < AT_ONCE; i++) dial();
process.stdin.on("data", (order) => {
  const isReset = order.toString().trim() === "reset";
  for (const socket of sockets) {
    if (isReset) socket.resetAndDestroy();
    else socket.destroy();
  }
});
