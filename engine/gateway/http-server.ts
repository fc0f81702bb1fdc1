import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AssertionError } from "../core/assert.js";
import { StrataError } from "../core/errors.js";
import type { Listener } from "../core/transport.js";
import { type ConfigurationEntry, configurationJson, configurationXml, propertyJson } from "./conf-page.js";

/** A step of the way to readiness, in the order in which they happen. */
export interface BootStep {
  readonly name: string;
  readonly state: "waiting" | "running" | "done" | "failed";
  /** Duration so far, or as a whole. */
  readonly tookMs: number;
}

/** `hdds.prometheus.endpoint.enabled` and `.token` (spec 08 §13). */
export interface MetricsAccess {
  readonly enabled: boolean;
  /** Bearer token to show; undefined = none is needed. */
  readonly token: string | undefined;
}

/** Where the pages come from. */
export interface HttpPages {
  /** Whether this SCM may serve, and how far it has come. */
  readiness(): { readonly ready: boolean; readonly steps: readonly BootStep[] };
  /** The page for Prometheus and its content type. */
  metrics(): Promise<string>;
  readonly metricsContentType: string;
  /** Who may see /prom; everybody when left out. */
  readonly metricsAccess?: MetricsAccess;
  /** Secrets already redacted. */
  configuration(): readonly ConfigurationEntry[];
  /** A page failed; the client was answered 500. */
  onError(path: string, error: unknown): void;
}

const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTION_COUNT_MAX = 256;
const REQUEST_TIMEOUT_MS = 10_000;
const REQUEST_CHECK_INTERVAL_MS = 2_000;
const KEEP_ALIVE_MS = 5_000;
const JSON_TYPE = "application/json; charset=utf-8";
const XML_TYPE = "application/xml; charset=utf-8";
const TEXT_TYPE = "text/plain; charset=utf-8";

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The pages for people and monitors: /healthz, /readyz, /prom and /conf. Port 0 picks a free one.
 * @throws StrataError LISTEN_FAILED */
export async function listenHttp(
  address: { readonly host: string; readonly port: number },
  pages: HttpPages,
): Promise<Listener> {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: REQUEST_CHECK_INTERVAL_MS,
    },
    (request, response) => void serve(pages, request, response),
  );
  server.maxConnections = CONNECTION_COUNT_MAX;
  await listening(server, address);
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port, close };
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => {
      reject(new StrataError("LISTEN_FAILED", { address: `${host}:${port}`, reason: error.message }));
    };
    server.once("error", refuse);
    server.listen({ host, port }, () => {
      server.off("error", refuse);
      resolve();
    });
  });
}

async function serve(pages: HttpPages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Not `new URL`, which throws for some of what a client may send.
  const [path = "", ...query] = (request.url ?? "").split("?");
  let page: Page;
  try {
    page = refusalOf(pages, request, path) ?? (await pageOf(pages, request, path, query.join("?")));
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    pages.onError(path, error);
    page = text(500, "internal error, see the log");
  }
  // A body that nobody reads must not keep the connection.
  if (hasBody(request)) response.setHeader("Connection", "close");
  if (page.status === 401) response.setHeader("WWW-Authenticate", "Bearer");
  if (page.status === 405) response.setHeader("Allow", "GET, HEAD");
  response.writeHead(page.status, {
    "Content-Type": page.type,
    "Content-Length": Buffer.byteLength(page.body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(request.method === "HEAD" ? undefined : page.body);
}

const PATHS = ["/healthz", "/readyz", "/prom", "/conf"];

function refusalOf(pages: HttpPages, request: IncomingMessage, path: string): Page | undefined {
  if (!PATHS.includes(path)) return text(404, "no such page");
  if (request.method !== "GET" && request.method !== "HEAD") return text(405, "only GET and HEAD");
  if (hasBody(request)) return text(413, "no body is expected");
  if (path !== "/prom") return undefined;
  const { enabled, token } = pages.metricsAccess ?? { enabled: true, token: undefined };
  if (!enabled) return text(404, "the page is switched off");
  if (token === undefined || showsToken(request, token)) return undefined;
  return text(401, "a bearer token is needed");
}

/** Takes as long for a token that is nearly right as for any other. */
function showsToken({ headers }: IncomingMessage, token: string): boolean {
  const digest = (word: string) => createHash("sha256").update(word).digest();
  return timingSafeEqual(digest(headers.authorization ?? ""), digest(`Bearer ${token}`));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0;
}

async function pageOf(
  pages: HttpPages,
  request: IncomingMessage,
  path: string,
  query: string,
): Promise<Page> {
  switch (path) {
    case "/healthz":
      // Whoever answers this is alive: nothing else is asked, so that a busy SCM is not restarted.
      return json(200, { status: "alive" });
    case "/readyz": {
      const readiness = pages.readiness();
      return json(readiness.ready ? 200 : 503, readiness);
    }
    case "/prom":
      return { status: 200, type: pages.metricsContentType, body: await pages.metrics() };
    default: {
      const name = new URLSearchParams(query).get("name");
      return configurationPage(pages.configuration(), name, wantsXml(request));
    }
  }
}

function configurationPage(
  entries: readonly ConfigurationEntry[],
  name: string | null,
  isXml: boolean,
): Page {
  const shown = name === null ? entries : entries.filter(({ key }) => key === name);
  const [only] = shown;
  if (name !== null && only === undefined) return text(404, `no such key: ${name}`);
  if (isXml) return { status: 200, type: XML_TYPE, body: configurationXml(shown) };
  return json(200, name === null || only === undefined ? configurationJson(shown) : propertyJson(only));
}

/** JSON unless the client names XML and not JSON. */
function wantsXml({ headers }: IncomingMessage): boolean {
  const accept = headers.accept ?? "";
  return /\b(?:application|text)\/xml\b/.test(accept) && !accept.includes("application/json");
}

function json(status: number, value: unknown): Page {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

function text(status: number, line: string): Page {
  return { status, type: TEXT_TYPE, body: `${line}\n` };
}
