import type { ByteReader } from "../../core/byte-reader.js";
import type { ByteWriter } from "../../core/byte-writer.js";
import { type LogIndex, logIndex } from "../../core/ids.js";
import type { Uuid } from "../../core/uuid.js";
import { memberIds } from "../../raft/conf-change.js";
import type { ConfState, NodeId } from "../../raft/types.js";
import { nodeId } from "../../raft/types.js";
import { countFrom } from "../count-from.js";
import { refused } from "../operation-result.js";
import { RowSet } from "../row-set.js";
import type { OperationResult } from "../state-machine.js";
import { TABLE } from "../tables.js";
import type { Member } from "./member.js";
import { readMemberFields, readNodeId, writeMemberFields } from "./member-codec.js";

/** A member, or what is left of one that was removed: a removed SCM never comes back under its ids, since
 * it may have lost what it promised to the group. */
export interface MemberRow extends Member {
  readonly isRemoved: boolean;
}

/** Far below the numbers of the local threads. */
const NODE_ID_MAX = 2 ** 52;

/** The replicated address book. Who votes stands in the configuration of the group; a member of it that has
 * not yet told its addresses (the first one, before it leads) has no row. */
export class MemberTable {
  readonly rows = new RowSet<NodeId, MemberRow>({
    table: TABLE.members,
    typicalRowBytes: 96,
    writeKey: (writer, id) => writer.f64(id),
    readKey: readNodeId,
    writeRow: (writer, { isRemoved, ...member }) => {
      writer.u8(isRemoved ? 1 : 0);
      writer.f64(member.nodeId);
      writeMemberFields(writer, member);
    },
    readRow: (reader) => {
      const flag = reader.u8();
      if (flag > 1) throw new RangeError(`flag ${flag}`);
      return { ...readMemberFields(readNodeId(reader), reader), isRemoved: flag === 1 };
    },
  });
  /** Called when it is not what it was, perhaps in the middle of `apply`: look later. Set by who dials the
   * others. */
  onChanged: () => void = () => {};
  #nextNodeId = nodeId(1);
  #configVersion = logIndex(0);

  /** What the next member gets; above all that were ever given. */
  get nextNodeId(): NodeId {
    return this.#nextNodeId;
  }

  /** Index of the last change of membership that was applied, 0 = none: the version that a request to change
   * it is compared with. */
  get configVersion(): LogIndex {
    return this.#configVersion;
  }

  get(id: NodeId): MemberRow | undefined {
    return this.rows.get(id);
  }

  /** Removed ones too. */
  withScmId(scmId: Uuid): MemberRow | undefined {
    for (const [, row] of this.rows.entries()) if (row.scmId === scmId) return row;
    return undefined;
  }

  /** Ascending by number, without those that were removed. */
  list(): MemberRow[] {
    return [...this.rows.entries()]
      .map(([, row]) => row)
      .filter(({ isRemoved }) => !isRemoved)
      .sort((a, b) => a.nodeId - b.nodeId);
  }

  /** An empty state begins with these members. */
  begin(first: ConfState): void {
    this.#raiseNext(first);
  }

  /** The change at `index` led to `confState`. Throws RangeError when `added` cannot belong to it. */
  change(index: LogIndex, confState: ConfState, added: Member | undefined): void {
    if (added !== undefined) this.#add(added, confState);
    this.#raiseNext(confState);
    for (const row of this.list()) {
      if (!isMember(confState, row.nodeId)) this.rows.set(row.nodeId, { ...row, isRemoved: true });
    }
    this.#configVersion = index;
    this.onChanged();
  }

  /** Where a member is found from now on, or why not. Its ids never change. */
  set(member: Member, confState: ConfState): OperationResult | undefined {
    const { nodeId: id, scmId } = member;
    const row = this.rows.get(id);
    if (row?.isRemoved === true) return refused("MEMBER_REMOVED", { scmId });
    if (!isMember(confState, id)) return refused("MEMBER_UNKNOWN", { scmId });
    const owner = this.withScmId(scmId);
    if ((row !== undefined && row.scmId !== scmId) || (owner !== undefined && owner.nodeId !== id)) {
      const reason = `${scmId} is not the SCM with number ${id}`;
      return refused("INVALID_ARGUMENT", { field: "member", reason });
    }
    if (row === undefined || !isSameMember(row, member)) {
      this.rows.set(id, { ...member, isRemoved: false });
      this.onChanged();
    }
    return undefined;
  }

  /** The next `count` numbers may have been given to members that are not known here. False when there are
   * not that many. */
  skip(count: number): boolean {
    const next = this.#nextNodeId + count;
    if (next > NODE_ID_MAX) return false;
    this.#nextNodeId = nodeId(next);
    return true;
  }

  /** Of the meta row, part of the state hash. */
  write(writer: ByteWriter): void {
    writer.f64(this.#nextNodeId);
    writer.f64(this.#configVersion);
  }

  /** Throws RangeError. */
  read(reader: ByteReader): void {
    this.#nextNodeId = nodeId(countFrom(reader));
    this.#configVersion = logIndex(countFrom(reader));
  }

  problem(confState: ConfState): string | undefined {
    const scmIds = new Set<Uuid>();
    for (const [id, row] of this.rows.entries()) {
      if (row.nodeId !== id) return `member ${id} says that it is ${row.nodeId}`;
      if (id >= this.#nextNodeId) return `member ${id} has a number that was never given`;
      if (row.isRemoved === isMember(confState, id)) return `member ${id} is both removed and in the group`;
      if (scmIds.has(row.scmId)) return `${row.scmId} is two members`;
      scmIds.add(row.scmId);
    }
    const next = Math.max(0, ...memberIds(confState)) + 1;
    if (next > this.#nextNodeId) return `the next member would be ${this.#nextNodeId}, the group has it`;
    return this.rows.rehash().equals(this.rows.hash) ? undefined : "member hash";
  }

  #add(added: Member, confState: ConfState): void {
    const { nodeId: id, scmId } = added;
    if (!isMember(confState, id)) throw new RangeError(`member ${id} is described, but not added`);
    const row = this.rows.get(id);
    const owner = this.withScmId(scmId);
    if (row?.isRemoved === true) throw new RangeError(`member ${id} was removed`);
    if ((row !== undefined && row.scmId !== scmId) || (owner !== undefined && owner.nodeId !== id)) {
      throw new RangeError(`${scmId} cannot be member ${id}`);
    }
    this.rows.set(id, { ...added, isRemoved: false });
  }

  #raiseNext(confState: ConfState): void {
    for (const id of memberIds(confState)) if (id >= this.#nextNodeId) this.#nextNodeId = nodeId(id + 1);
  }
}

/** Votes, learns, or is on its way between the two. */
export function isMember(confState: ConfState, id: NodeId): boolean {
  return memberIds(confState).includes(id);
}

/** Whether both describe the same SCM at the same place. */
export function isSameMember(a: Member, b: Member): boolean {
  const places = ({ ports }: Member) => {
    return [ports.raft, ports.strata, ports.http, ports.client, ports.datanode, ports.block, ports.security];
  };
  const text = (member: Member) =>
    JSON.stringify([member.nodeId, member.scmId, member.name, member.host, ...places(member)]);
  return text(a) === text(b);
}
