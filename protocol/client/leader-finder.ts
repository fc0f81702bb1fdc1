import { assert } from "../../engine/core/assert.js";
import { StrataError } from "../../engine/core/errors.js";
import type { Timer } from "../../engine/core/scheduler.js";
import type { Uuid } from "../../engine/core/uuid.js";
import { RemoteError } from "../codec/errors.js";
import type { ResponseOf } from "../schema/messages.js";
import { ADMIN_PATH } from "../schema/messages.js";
import type { ScmAddress } from "../schema/records.js";
import type { BackoffOptions } from "./backoff.js";
import type { RpcError } from "./completion.js";
import type { ClientEnvironment } from "./environment.js";
import type { ClientOptions } from "./reconnector.js";
import { Reconnector } from "./reconnector.js";
import type { HelloResponse, RpcConnection } from "./rpc-connection.js";

export interface LeaderFinderOptions extends ClientOptions {
  /** Talk to the endpoints that are given and to no other SCM, whether they lead or not. */
  readonly pinned?: boolean;
  /** With requests under way: silence of the leader after which the others are asked whether they know a
   * newer one. */
  readonly doubtMs: number;
}

export interface LeaderFinderHandler {
  /** There is a leader to ask, or at least somebody. */
  onReady(): void;
  /** A connection has ended or could not be made. */
  onLost(error: RpcError): void;
  /** No SCM will ever take this client, for this reason. */
  onRefused(error: RpcError): void;
}

/** What an SCM says of the leader, in whatever answer. */
type Tidings = Pick<ResponseOf<"findLeader">, "leaderHint" | "members">;

const BACKOFF: BackoffOptions = { initialMs: 50, maximumMs: 2_000 };
/** Between two rounds of questions: a tenth of the time since the last success, within bounds. The wait for
 * an election is a few rounds, a cluster without a quorum is not flooded. */
const ROUND_SHARE = 0.1;
const ROUND_MS = { min: 25, max: 250 } as const;
/** For so long an SCM that is being dialled for the first time may still turn out to lead. */
const DIAL_PATIENCE_MS = 1_000;
/** An SCM that does not answer the cheapest question for so long is dialled anew: after a partition a new
 * connection is there long before the old one's packets are sent again. */
const QUESTION_TIMEOUT_MS = 2_000;
/** A client that has been told nothing of the members for so long asks for them: all those that it knows
 * could be replaced, one by one, while it talks to one of them. */
const MEMBERS_MS = 10_000;
/** The same when a connection has ended: its SCM may have been replaced. */
const MEMBERS_AFTER_LOSS_MS = 1_000;
/** After so many failures an SCM may have moved to where the address book says. */
const FAILURES_OF_A_MOVE = 3;
/** Hints followed one after the other without anybody's success: two SCMs that each call the other one leader
 * must not be asked in a loop. */
const FOLLOW_COUNT_MAX = 2;

/** One SCM and the connection to it. */
export class ScmLink {
  readonly endpoint: string;
  /** By the caller; others were learned from SCMs and are dialled when they are needed. */
  readonly isGiven: boolean;
  readonly reconnector: Reconnector;
  scmId: Uuid | undefined;
  /** A question is under way. */
  isAsked = false;
  /** Attempts to connect since the last success. */
  failureCount = 0;
  /** It said in answer to hello that it will never take this client. */
  refusal: RpcError | undefined;

  constructor(endpoint: string, isGiven: boolean, reconnector: Reconnector) {
    this.endpoint = endpoint;
    this.isGiven = isGiven;
    this.reconnector = reconnector;
  }

  /** When it is ready. */
  get connection(): RpcConnection | undefined {
    return this.reconnector.connection;
  }
}

/** Keeps connections to the SCMs of a group, and knows which of them leads.
 *
 * An SCM leads when it says so itself and nobody has said so in a higher term. While no leader is known all
 * SCMs are asked, again and again, so that a new one is found within a few milliseconds of its first answer;
 * the connections stand already, so nothing is dialled then. A hint saves the question, unless it is of an
 * older term than one that was followed. */
export class LeaderFinder {
  readonly #environment: ClientEnvironment;
  readonly #options: LeaderFinderOptions;
  readonly #handler: LeaderFinderHandler;
  readonly #links: ScmLink[] = [];
  #isRunning = false;
  #leader: ScmLink | undefined;
  /** Highest in which an SCM was followed. */
  #term = 0;
  #clusterId: string | undefined;
  /** As an SCM said last, and when. */
  #members: readonly ScmAddress[] = [];
  #membersMs = 0;
  #followCount = 0;
  /** It has been silent; the others are asked although it is still taken for the leader. */
  #doubted: ScmLink | undefined;
  /** How often all were asked, while somebody is looked for. */
  #search: { roundCount: number } | undefined;
  /** Since when nothing has succeeded. */
  #troubleSinceMs: number | undefined;
  #roundTimer: Timer | undefined;
  #doubtTimer: Timer | undefined;
  /** Of the leader's connection when it was looked at last. */
  #watched: { readonly connection: RpcConnection; readonly receivedCount: number } | undefined;

  constructor(environment: ClientEnvironment, options: LeaderFinderOptions, handler: LeaderFinderHandler) {
    assert(options.endpoints.length > 0, "a client needs an endpoint");
    this.#environment = environment;
    this.#options = options;
    this.#handler = handler;
    for (const endpoint of new Set(options.endpoints)) this.#addLink(endpoint, true);
  }

  /** Where to send what only the leader answers. */
  get leader(): ScmLink | undefined {
    if (this.#options.pinned === true) return this.#links.find(isReady);
    return this.#leader;
  }

  /** Where to send what every SCM answers: to the leader, who alone knows how far each member is, or, when it
   * has been looked for in vain, to anybody. */
  get anybody(): ScmLink | undefined {
    return this.leader ?? (this.#isInVain ? this.#links.find(isReady) : undefined);
  }

  get isPinned(): boolean {
    return this.#options.pinned === true;
  }

  /** Begins to connect; does nothing when it has begun. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (const link of this.#links) if (link.isGiven) link.reconnector.start();
    if (!this.isPinned) this.#watch();
  }

  /** Ends all connections. */
  stop(reason: string): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#leader = undefined;
    this.#endSearch();
    this.#doubtTimer?.cancel();
    for (const link of this.#links) link.reconnector.stop(reason);
  }

  /** `link` has done what it was asked. */
  succeeded(link: ScmLink): void {
    link.reconnector.succeeded();
    if (link !== this.#leader) return;
    this.#followCount = 0;
    this.#troubleSinceMs = undefined;
    if (this.#doubted === undefined) return;
    this.#doubted = undefined;
    this.#endSearch();
  }

  /** `link` refused a request because it does not lead, or not now. */
  refused(link: ScmLink, error: RemoteError): void {
    if (!this.#isRunning || this.isPinned) return;
    this.#learn(error.members);
    if (this.#leader !== link && this.#leader !== undefined) return;
    this.#leader = undefined;
    if (this.#doubted === link) this.#doubted = undefined;
    // It may still call itself leader, while it hands over or stops: it is not asked before the next round.
    if (!this.#follow(link, error.term, error)) this.#startSearch(link);
  }

  /** `link` did not answer in time. */
  doubt(link: ScmLink): void {
    if (!this.#isRunning || this.isPinned || this.#leader !== link) return;
    this.#doubted = link;
    this.#startSearch();
  }

  /** All have been asked who leads, but for those that take too long to connect. */
  get #isInVain(): boolean {
    if ((this.#search?.roundCount ?? 0) <= 1) return false;
    return this.#troubleMs >= DIAL_PATIENCE_MS || !this.#links.some(isUntried);
  }

  /** For so long nothing has succeeded. */
  get #troubleMs(): number {
    const nowMs = this.#environment.clock.monotonicMs();
    return nowMs - (this.#troubleSinceMs ?? nowMs);
  }

  #addLink(endpoint: string, isGiven: boolean): ScmLink {
    const options = { ...this.#options, endpoints: [endpoint], backoff: this.#options.backoff ?? BACKOFF };
    const reconnector = new Reconnector(this.#environment, options, ADMIN_PATH, {
      onReady: (_connection, hello) => this.#onReady(link, hello),
      onLost: (error) => this.#onLost(link, error),
    });
    const link = new ScmLink(endpoint, isGiven, reconnector);
    this.#links.push(link);
    return link;
  }

  #onReady(link: ScmLink, hello: HelloResponse): void {
    link.scmId = hello.scmId;
    link.failureCount = 0;
    link.refusal = undefined;
    // An SCM that was initialised anew begins with low terms.
    if (this.#clusterId !== hello.clusterId) this.#term = 0;
    this.#clusterId = hello.clusterId;
    if (this.isPinned) {
      this.#handler.onReady();
      return;
    }
    this.#learn(hello.members ?? []);
    this.#heard(link, hello.term, hello.isLeader, hello);
  }

  #onLost(link: ScmLink, error: RpcError): void {
    link.isAsked = false;
    link.failureCount++;
    if (error instanceof RemoteError && error.retry === "never") link.refusal = error;
    const wasLeader = this.#leader === link;
    if (wasLeader) this.#leader = undefined;
    if (this.#doubted === link) this.#doubted = undefined;
    // Nobody needs it now; a search dials it again.
    if (!link.isGiven && this.#search === undefined && !wasLeader) link.reconnector.stop("not needed");
    if (this.#isRunning) {
      this.#learn(this.#members);
      if (this.#leader === undefined && !this.isPinned) this.#startSearch();
      if (!this.isPinned) this.#askForMembers(MEMBERS_AFTER_LOSS_MS);
      this.#handler.onLost(error);
      this.#checkRefusals();
    }
  }

  /** When everybody has been tried, nobody could be reached, and somebody will never take this client, then
   * waiting does not help. */
  #checkRefusals(): void {
    if (this.#links.some((link) => isReady(link) || isUntried(link))) return;
    const refused = this.#links.find(({ refusal }) => refusal !== undefined);
    if (refused?.refusal !== undefined) this.#handler.onRefused(refused.refusal);
  }

  /** `link` says whether it leads, in hello or because it was asked. */
  #heard(link: ScmLink, term: number, isLeader: boolean, tidings: Tidings): void {
    if (isLeader) {
      if (term >= this.#term) this.#lead(link, term);
      return;
    }
    if (this.#leader === link) this.#leader = undefined;
    if (this.#leader !== undefined) return;
    if (!this.#follow(link, term, tidings)) this.#startSearch();
  }

  /** Follows the hint of `link`; false when there is none that is worth it. */
  #follow(from: ScmLink, term: number, { leaderHint, members }: Tidings): boolean {
    if (leaderHint === undefined || term < this.#term) return false;
    const hinted = this.#linkOf(leaderHint, members ?? []);
    if (hinted === undefined || hinted === from) return false;
    if (!isReady(hinted)) {
      // Its hello will tell. It may be the one that has just gone.
      hinted.reconnector.start();
      return false;
    }
    if (this.#followCount >= FOLLOW_COUNT_MAX) return false;
    this.#followCount++;
    this.#lead(hinted, term);
    return true;
  }

  #lead(link: ScmLink, term: number): void {
    const before = this.#leader;
    const doubted = this.#doubted;
    this.#term = term;
    this.#leader = link;
    if (doubted !== link) {
      this.#doubted = undefined;
      this.#endSearch();
      // What it has not answered is asked of the new leader at once.
      if (doubted !== undefined) drop(doubted, "there is a newer leader");
    }
    if (before !== link) this.#handler.onReady();
  }

  /** `except` is not asked in the first round. */
  #startSearch(except?: ScmLink): void {
    if (!this.#isRunning || this.#search !== undefined) return;
    this.#search = { roundCount: 0 };
    this.#troubleSinceMs ??= this.#environment.clock.monotonicMs();
    for (const link of this.#links) link.reconnector.start();
    this.#askAll(except);
  }

  #endSearch(): void {
    this.#search = undefined;
    this.#roundTimer?.cancel();
    this.#roundTimer = undefined;
  }

  #askAll(except?: ScmLink): void {
    const search = this.#search;
    if (search === undefined) return;
    search.roundCount++;
    for (const link of this.#links) if (link !== except) this.#ask(link);
    const { scheduler, random } = this.#environment;
    const pauseMs = Math.min(ROUND_MS.max, Math.max(ROUND_MS.min, this.#troubleMs * ROUND_SHARE));
    this.#roundTimer = scheduler.after(pauseMs * (0.5 + random.fraction()), () => this.#askAll());
    if (this.#leader === undefined && this.anybody !== undefined) this.#handler.onReady();
  }

  #ask(link: ScmLink): void {
    const { connection } = link;
    if (connection === undefined || link.isAsked) return;
    const isSent = connection.request(
      "findLeader",
      {},
      {
        succeeded: (response) => {
          link.isAsked = false;
          this.#membersMs = this.#environment.clock.monotonicMs();
          this.#learn(response.members ?? []);
          if (this.#isRunning) this.#heard(link, response.term, response.isLeader, response);
        },
        failed: (error) => {
          link.isAsked = false;
          if (error.code === "REQUEST_TIMEOUT") drop(link, "it does not answer");
        },
      },
      QUESTION_TIMEOUT_MS,
    );
    if (isSent) link.isAsked = true;
  }

  /** Adds SCMs that the client did not know. Not before every given endpoint was tried: only then is it clear
   * which of the members it knows already, under other names. */
  #learn(members: readonly ScmAddress[]): void {
    if (this.isPinned || members.length === 0) return;
    this.#members = members;
    if (this.#links.some((link) => link.isGiven && isUntried(link))) return;
    for (const member of members) {
      const endpoint = endpointOf(member);
      if (endpoint === undefined || this.#linkOf(endpoint, members) !== undefined) continue;
      const link = this.#addLink(endpoint, false);
      if (this.#search !== undefined) link.reconnector.start();
    }
    this.#forget(members);
  }

  /** Drops SCMs that were learned and are no members any more. */
  #forget(members: readonly ScmAddress[]): void {
    const endpoints = new Set(members.map(endpointOf));
    const gone = this.#links.filter((link) => {
      return !link.isGiven && link !== this.#leader && !endpoints.has(link.endpoint);
    });
    for (const link of gone) {
      this.#links.splice(this.#links.indexOf(link), 1);
      link.reconnector.stop("it left the group");
    }
  }

  /** The link to the SCM that `members` says is at `endpoint`: it may be known under another name. */
  #linkOf(endpoint: string, members: readonly ScmAddress[]): ScmLink | undefined {
    const scmId = members.find((member) => endpointOf(member) === endpoint)?.scmId;
    const known = this.#links.find((link) => {
      return scmId !== undefined && link.scmId === scmId && link.failureCount < FAILURES_OF_A_MOVE;
    });
    return known ?? this.#links.find((link) => sameEndpoint(link.endpoint, endpoint));
  }

  #askForMembers(knownForMs: number): void {
    const leader = this.#leader;
    const isKnown = this.#environment.clock.monotonicMs() - this.#membersMs < knownForMs;
    if (leader !== undefined && !isKnown) this.#ask(leader);
  }

  /** Looks whether the leader has been silent with requests under way. */
  #watch(): void {
    this.#doubtTimer = this.#environment.scheduler.after(this.#options.doubtMs, () => {
      const connection = this.#leader?.connection;
      const watched = this.#watched;
      const isSilent =
        connection !== undefined &&
        connection === watched?.connection &&
        connection.receivedCount === watched.receivedCount;
      if (isSilent && this.#leader !== undefined) this.doubt(this.#leader);
      this.#askForMembers(MEMBERS_MS);
      this.#watched =
        connection === undefined || connection.inFlightCount === 0
          ? undefined
          : { connection, receivedCount: connection.receivedCount };
      this.#watch();
    });
  }
}

function isReady(link: ScmLink): boolean {
  return link.connection !== undefined;
}

/** The first attempt to connect to it has not ended, or not begun. */
function isUntried(link: ScmLink): boolean {
  return !isReady(link) && link.failureCount === 0;
}

function drop(link: ScmLink, reason: string): void {
  link.reconnector.reconnect(reason, new StrataError("CONNECTION_LOST", { reason }));
}

function endpointOf({ host, strataPort }: ScmAddress): string | undefined {
  if (strataPort === 0) return undefined;
  return `ws://${host.includes(":") ? `[${host}]` : host}:${strataPort}`;
}

function sameEndpoint(a: string, b: string): boolean {
  return a.replace(/\/+$/, "") === b.replace(/\/+$/, "");
}
