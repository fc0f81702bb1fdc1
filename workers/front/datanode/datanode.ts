import { StrataError } from "../../../engine/core/errors.js";
import { Fifo } from "../../../engine/core/fifo.js";
import type { Uuid } from "../../../engine/core/uuid.js";
import { DATANODE_PATH } from "../../../protocol/schema/messages.js";
import type { Command } from "../../../protocol/schema/records.js";
import type { MainConnection, MainLink } from "../main-connection.js";
import { type ContainerReports, releaseReports } from "./container-reports.js";
import { NodeReports } from "./node-reports.js";

const CLIENT_NAME = "hadoop-datanode";
/** Calls of one datanode that wait for an earlier one. It makes one at a time, and gives up what takes too
 * long. */
const WAITING_CALLS_MAX = 16;
const NOTHING: readonly Undone[] = [];
const EMPTY = new Uint8Array(0);

/** The way to main of one datanode. */
export interface DatanodeLink {
  readonly connection: MainConnection;
  readonly reports: NodeReports;
  /** As main sees the datanode. */
  readonly remoteAddress: string;
  /** Main has accepted the datanode on it. */
  isRegistered: boolean;
}

/** Commands of an answer that did not reach the datanode. */
interface Undone {
  /** The place of the answer among those of the datanode. */
  readonly answer: number;
  readonly commands: readonly Command[];
}

/** A datanode behind the front. Its connection to main lives on across its TCP connections: a Java datanode
 * that beats every 30 s has a new one for each heartbeat (spec 12 §2.6). Its calls are made one after the
 * other, from whatever connections they come (§8.3 rule 2). */
export class Datanode {
  readonly uuid: Uuid;
  /** Of its last registration or heartbeat, and of the last gap between two. */
  heardMs = 0;
  gapMs = Number.NEGATIVE_INFINITY;
  /** Main has accepted it once. */
  isRegistered = false;
  /** A full report got lost before main knew of it, or may have been. */
  lacksReport = false;
  /** The last heartbeat that carried nothing, as it came and as main gets it: most are the same. */
  bareHeartbeat: Uint8Array = EMPTY;
  bareRequest: Uint8Array = EMPTY;
  readonly #main: MainLink;
  readonly #waiting = new Fifo<() => void>();
  #undone: Undone[] = [];
  #answerCount = 0;
  #isBusy = false;
  #link: DatanodeLink | undefined;

  constructor(uuid: Uuid, main: MainLink) {
    this.uuid = uuid;
    this.#main = main;
  }

  /** Undefined when main does not know the datanode on a connection of ours. */
  get link(): DatanodeLink | undefined {
    return this.#link;
  }

  /** No call of it is under way, or waits. */
  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** Makes `call` now, or when those before it have finished. False when too many wait already. */
  run(call: () => void): boolean {
    if (this.#isBusy) {
      if (this.#waiting.length >= WAITING_CALLS_MAX) return false;
      this.#waiting.push(call);
      return true;
    }
    this.#isBusy = true;
    call();
    return true;
  }

  /** The present call has been answered. */
  finished(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isBusy = false;
    else next();
  }

  /** Numbers the answers with commands. */
  nextAnswer(): number {
    return ++this.#answerCount;
  }

  /** They are kept until main can have them. */
  keepUndone(answer: number, commands: readonly Command[]): void {
    this.#undone.push({ answer, commands });
  }

  /** What is to go back to main now, the newest answer first: each goes to the front of main's queue. */
  takeUndone(): readonly Undone[] {
    if (this.#undone.length === 0 || this.#link?.isRegistered !== true) return NOTHING;
    const undone = this.#undone.sort((a, b) => b.answer - a.answer);
    this.#undone = [];
    return undone;
  }

  /** The link of a datanode at `remoteAddress`, which a registration records: from another address it is a
   * new one. */
  linkFrom(remoteAddress: string): DatanodeLink {
    if (this.#link?.remoteAddress === remoteAddress) return this.#link;
    this.close(new StrataError("REPLACED_BY_NEW_CONNECTION"));
    const connection: MainConnection = this.#main.connect(DATANODE_PATH, remoteAddress, CLIENT_NAME, () => {
      if (this.#link?.connection === connection) this.#forgetLink();
    });
    const reports = new NodeReports(connection, (isComplete) => {
      if (isComplete) this.lacksReport = false;
    });
    this.#link = { connection, reports, remoteAddress, isRegistered: false };
    return this.#link;
  }

  /** Hands over the container reports of a request that main has answered. */
  feed(reports: ContainerReports, fromRegistration: boolean): void {
    const link = this.#link;
    if (link === undefined || reports.isLost) {
      this.lacksReport = true;
      link?.reports.lost();
      releaseReports(reports);
      return;
    }
    // In one heartbeat the full report is the older one (spec 12 §7.1).
    if (reports.full !== undefined) link.reports.full(reports.full, fromRegistration);
    if (reports.incremental !== undefined) link.reports.incremental(reports.incremental);
  }

  close(reason: StrataError): void {
    const link = this.#link;
    this.#forgetLink();
    link?.connection.close(reason);
  }

  /** Whoever comes without one is told to register. */
  #forgetLink(): void {
    this.#link?.reports.clear();
    this.#link = undefined;
  }
}
