import type { TopologyLevel, TopologySchema } from "./schema.js";

/** An element of a schema file, whoever has parsed it. */
export interface SchemaElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly SchemaElement[];
  readonly text: string;
  readonly line: number;
}

const LAYOUT_VERSION = 1;
const LEVEL_COUNT_MAX = 16;
const TYPES = ["root", "innernode", "leaf"] as const;
type LayerType = (typeof TYPES)[number];

interface Layer extends TopologyLevel {
  readonly type: LayerType | undefined;
}

/** The schema that a file in the form of Ozone's `network-topology-*.xml` gives, or everything that is wrong
 * with it, each problem with its line and what to do (spec 03 §12.1). */
export function schemaOf(roots: readonly SchemaElement[]): TopologySchema | readonly string[] {
  return new SchemaReader().read(roots);
}

class SchemaReader {
  readonly #problems: string[] = [];

  read(roots: readonly SchemaElement[]): TopologySchema | readonly string[] {
    const [root] = roots;
    if (root === undefined || roots.length > 1 || root.name !== "configuration")
      return ["must hold one <configuration> element and nothing beside it"];
    const sections = this.#sections(root, ["layoutversion", "layers", "topology"]);
    const version = sections.get("layoutversion");
    if (version !== undefined && version.text !== String(LAYOUT_VERSION))
      this.#problem(version, `<layoutversion> must be ${LAYOUT_VERSION}, not "${version.text}"`);
    const layersElement = sections.get("layers");
    const layers = layersElement === undefined ? undefined : this.#layers(layersElement);
    const topology = sections.get("topology");
    const schema =
      topology === undefined || layers === undefined ? undefined : this.#topology(topology, layers);
    return this.#problems.length > 0 || schema === undefined ? this.#problems : schema;
  }

  #problem({ line }: SchemaElement, text: string): void {
    this.#problems.push(`line ${line}: ${text}`);
  }

  /** The children by name: each of `names` once, and no others. */
  #sections(parent: SchemaElement, names: readonly string[]): Map<string, SchemaElement> {
    const sections = new Map<string, SchemaElement>();
    for (const child of parent.children) {
      if (!names.includes(child.name)) {
        this.#problem(child, `<${child.name}> is not known in <${parent.name}>: remove it`);
      } else if (sections.has(child.name)) {
        this.#problem(child, `a second <${child.name}> in <${parent.name}>: keep one`);
      } else {
        sections.set(child.name, child);
      }
    }
    for (const name of names) {
      if (!sections.has(name)) this.#problem(parent, `<${parent.name}> lacks <${name}>: add it`);
    }
    return sections;
  }

  #layers(parent: SchemaElement): Map<string, Layer> {
    const layers = new Map<string, Layer>();
    for (const child of parent.children) {
      if (child.name !== "layer") {
        this.#problem(child, `<${child.name}> is not known in <layers>: remove it`);
        continue;
      }
      const layer = this.#layer(child);
      if (layer.id === "") this.#problem(child, 'a <layer> without id: give it one, as in <layer id="rack">');
      else if (layers.has(layer.id)) this.#problem(child, `a second layer "${layer.id}": give it another id`);
      layers.set(layer.id, layer);
    }
    for (const [type, name] of [
      ["root", "Root"],
      ["leaf", "Leaf"],
    ] as const) {
      const count = [...layers.values()].filter((layer) => layer.type === type).length;
      if (count !== 1) this.#problem(parent, `${count} layers have the type ${name}: there must be one`);
    }
    return layers;
  }

  #layer(element: SchemaElement): Layer {
    const id = element.attributes.get("id")?.trim() ?? "";
    const fields = new Map<string, string>();
    for (const child of element.children) {
      if (!["prefix", "cost", "type", "default"].includes(child.name)) {
        this.#problem(child, `<${child.name}> is not known in a <layer>: remove it`);
      } else if (fields.has(child.name)) {
        this.#problem(child, `a second <${child.name}> in layer "${id}": keep one`);
      }
      fields.set(child.name, child.text);
    }
    const typeText = fields.get("type") ?? "";
    const type = TYPES.find((name) => name === typeText.toLowerCase());
    if (type === undefined) {
      const found = typeText === "" ? "no type" : `the type "${typeText}"`;
      this.#problem(element, `layer "${id}" has ${found}: it must be Root, InnerNode or Leaf`);
    }
    const costText = fields.get("cost") ?? "";
    const cost = /^\d{1,6}$/.test(costText) ? Number(costText) : 0;
    if (costText !== "" && String(cost) !== costText.replace(/^0+(?=\d)/, ""))
      this.#problem(
        element,
        `layer "${id}" has the cost "${costText}": it must be a whole number up to 999999`,
      );
    const prefix = (fields.get("prefix") ?? "").toLowerCase();
    return { id, type, cost, prefix, defaultName: fields.get("default") ?? "" };
  }

  #topology(element: SchemaElement, layers: ReadonlyMap<string, Layer>): TopologySchema | undefined {
    const sections = this.#sections(element, ["path", "enforceprefix"]);
    for (const section of sections.values()) {
      if (section.text === "") this.#problem(section, `<${section.name}> is empty: fill it in`);
    }
    const enforce = sections.get("enforceprefix");
    const enforceText = enforce?.text.toLowerCase() ?? "";
    if (enforce !== undefined && !["", "true", "false"].includes(enforceText))
      this.#problem(enforce, `<enforceprefix> is "${enforce.text}": it must be true or false`);
    const path = sections.get("path");
    if (path === undefined || path.text === "") return undefined;
    const levels = this.#levels(path, layers);
    const enforcesPrefix = enforceText === "true";
    for (const { id, prefix } of enforcesPrefix ? levels.slice(1, -1) : []) {
      if (prefix !== "") continue;
      this.#problem(path, `layer "${id}" has no prefix, which <enforceprefix> needs: give it one`);
    }
    return { levels: levels.map(levelOf), enforcesPrefix };
  }

  #levels(path: SchemaElement, layers: ReadonlyMap<string, Layer>): readonly Layer[] {
    if (!path.text.startsWith("/")) this.#problem(path, `<path> is "${path.text}": it must start with /`);
    const ids = path.text.split("/").filter((id) => id !== "");
    const levels: Layer[] = [];
    for (const id of ids) {
      const layer = layers.get(id);
      if (layer === undefined) this.#problem(path, `<path> names "${id}", which is no layer: correct it`);
      else if (levels.includes(layer)) this.#problem(path, `<path> names "${id}" twice: name it once`);
      else levels.push(layer);
    }
    if (ids.length !== layers.size)
      this.#problem(path, `<path> has ${ids.length} levels, <layers> ${layers.size}: name each layer once`);
    const ends = [levels[0]?.type === "root", levels.at(-1)?.type === "leaf"];
    if (ends.includes(false)) this.#problem(path, "<path> must begin with the Root and end with the Leaf");
    if (ids.length < 3 || ids.length > LEVEL_COUNT_MAX)
      this.#problem(path, `<path> has ${ids.length} levels: it must have 3 to ${LEVEL_COUNT_MAX}`);
    return levels;
  }
}

function levelOf({ id, prefix, cost, defaultName }: Layer): TopologyLevel {
  return { id, prefix, cost, defaultName };
}
