import type { FrontPort } from "../../shared/front-settings.js";
import { type HadoopProtocol, RPC_ERROR_DETAIL, type RpcErrorDetail } from "./call.js";
import { ProtocolStats } from "./call-stats.js";
import type { RpcClasses } from "./error-classes.js";
import { EngineHeader } from "./request-header.js";

/** The one version of every protocol of spec 12 §2.7. */
const PROTOCOL_VERSION = 1;
const NO_PROTOCOL = "unknown";
/** Names that a client made up come back in the text. */
const MESSAGE_LENGTH_MAX = 1000;
/** Of a header that is kept, to know it again. */
const HEADER_BYTES_MAX = 1024;

export interface Refusal {
  readonly className: string;
  readonly message: string;
  readonly detail: RpcErrorDetail;
}

/** Where a call goes: to a protocol, or back with a refusal. */
export type Route = { readonly method: string; readonly stats: ProtocolStats } & (
  | { readonly protocol: HadoopProtocol }
  | { readonly protocol: undefined; readonly refusal: Refusal }
);

/** The protocols of one port, and which of them a call is for. */
export class HadoopPort {
  readonly name: FrontPort;
  readonly frameBytesMax: number;
  readonly stats: readonly ProtocolStats[];
  readonly #protocols = new Map<
    string,
    { readonly protocol: HadoopProtocol; readonly stats: ProtocolStats }
  >();
  readonly #unknown = new ProtocolStats(NO_PROTOCOL);
  readonly #classes: RpcClasses;
  readonly #header = new EngineHeader();
  /** All clients of a port ask mostly the same: the header before, and where it led. */
  #lastHeader = new Uint8Array(0);
  #lastRoute: Route | undefined;

  constructor(
    name: FrontPort,
    protocols: readonly HadoopProtocol[],
    { classes, frameBytesMax }: { readonly classes: RpcClasses; readonly frameBytesMax: number },
  ) {
    this.name = name;
    this.frameBytesMax = frameBytesMax;
    this.#classes = classes;
    for (const protocol of protocols) {
      this.#protocols.set(protocol.name, { protocol, stats: new ProtocolStats(protocol.name) });
    }
    this.stats = [...this.#protocols.values()].map(({ stats }) => stats).concat(this.#unknown);
  }

  /** By the engine's header in these bytes; undefined when there is none. */
  routeOf(bytes: Uint8Array, start: number, end: number): Route | undefined {
    if (this.#isLast(bytes, start, end)) return this.#lastRoute;
    if (!this.#header.read(bytes, start, end)) return undefined;
    const route = this.#find(this.#header);
    // What no protocol has may be different each time.
    if (route.protocol !== undefined && end - start <= HEADER_BYTES_MAX) {
      this.#lastHeader = new Uint8Array(bytes.subarray(start, end));
      this.#lastRoute = route;
    }
    return route;
  }

  #isLast(bytes: Uint8Array, start: number, end: number): boolean {
    const last = this.#lastHeader;
    if (end - start !== last.length || this.#lastRoute === undefined) return false;
    for (let i = 0; i < last.length; i++) if (bytes[start + i] !== last[i]) return false;
    return true;
  }

  /** In the order and the words of the reference (spec 12 §2.4 rule 5). */
  #find({ protocolName, methodName, version }: EngineHeader): Route {
    const found = this.#protocols.get(protocolName);
    const { noSuchProtocol, noSuchMethod, versionMismatch } = this.#classes;
    if (found === undefined) {
      const message = `Unknown protocol: ${protocolName}`;
      return this.#refused(noSuchProtocol, message, RPC_ERROR_DETAIL.NO_SUCH_PROTOCOL);
    }
    if (version !== PROTOCOL_VERSION) {
      const versions = `(client = ${version}, server = ${PROTOCOL_VERSION})`;
      const message = `Protocol ${protocolName} version mismatch. ${versions}`;
      return this.#refused(versionMismatch, message, RPC_ERROR_DETAIL.RPC_VERSION_MISMATCH);
    }
    if (!found.protocol.methods.has(methodName)) {
      const message = `Unknown method ${methodName} called on ${protocolName} protocol.`;
      return this.#refused(noSuchMethod, message, RPC_ERROR_DETAIL.NO_SUCH_METHOD);
    }
    return { method: methodName, stats: found.stats, protocol: found.protocol };
  }

  #refused(className: string, text: string, detail: RpcErrorDetail): Route {
    const message = text.slice(0, MESSAGE_LENGTH_MAX);
    return {
      method: NO_PROTOCOL,
      stats: this.#unknown,
      protocol: undefined,
      refusal: { className, message, detail },
    };
  }
}
