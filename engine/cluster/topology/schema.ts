import { namesOf } from "./location.js";

/** A level of the topology tree, root first. */
export interface TopologyLevel {
  /** How a schema file calls it. */
  readonly id: string;
  /** What names on this level begin with, in any case; empty = anything. */
  readonly prefix: string;
  /** Of passing through a node of this level; leaves cost nothing. */
  readonly cost: number;
  /** Name, with its `/`, that path completion puts in; empty = none. */
  readonly defaultName: string;
}

/** What the tree looks like (spec 03 §12.1). Level 1 is the root, the last level holds datanodes, and a node
 * of the level above is a *rack*, whatever the file calls it. */
export interface TopologySchema {
  readonly levels: readonly TopologyLevel[];
  /** Path completion may fill in inner levels. */
  readonly enforcesPrefix: boolean;
}

const ROOT: TopologyLevel = { id: "datacenter", prefix: "", cost: 1, defaultName: "" };
const RACK: TopologyLevel = { id: "rack", prefix: "rack", cost: 1, defaultName: "/default-rack" };
const LEAF: TopologyLevel = { id: "node", prefix: "", cost: 0, defaultName: "" };

/** `network-topology-default.xml` */
export const DEFAULT_SCHEMA: TopologySchema = { levels: [ROOT, RACK, LEAF], enforcesPrefix: false };

/** `network-topology-nodegroup.xml` */
export const NODEGROUP_SCHEMA: TopologySchema = {
  levels: [ROOT, RACK, { id: "nodegroup", prefix: "ng", cost: 1, defaultName: "/default-nodegroup" }, LEAF],
  enforcesPrefix: false,
};

/** The path of a leaf with the inner levels that it leaves out filled in by their default names: a level is
 * left out when the next name does not begin with its prefix (spec 03 §12.1). Undefined when that is no path
 * of the schema either, or when prefixes are not enforced. */
export function completedPath({ levels, enforcesPrefix }: TopologySchema, path: string): string | undefined {
  const names = namesOf(path);
  if (!enforcesPrefix || typeof names === "string") return undefined;
  if (names.length === levels.length - 1) return `/${names.join("/")}`;
  let completed = "";
  let used = 0;
  for (const { prefix, defaultName } of levels.slice(1, -1)) {
    const name = names[used];
    if (name?.toLowerCase().startsWith(prefix) === true) {
      completed += `/${name}`;
      used++;
    } else {
      completed += defaultName;
    }
  }
  return used === names.length - 1 ? `${completed}/${names[used]}` : undefined;
}

/** Why no datanode can be at a location; undefined when one can (spec 03 §12.2 rule 3). */
export function locationProblem(schema: TopologySchema, location: string): string | undefined {
  const names = namesOf(location);
  if (typeof names === "string") return names;
  const wanted = schema.levels.length - 2;
  if (names.length === wanted) return undefined;
  const form = schema.levels.slice(1, -1).map(({ id }) => `/<${id}>`);
  const completed = completedPath(schema, `${location}/node`)?.slice(0, -"/node".length);
  const example = completed === undefined ? "" : `, such as ${completed}`;
  return `has ${names.length} level(s), the topology ${wanted}: ${form.join("")}${example}`;
}
