/** One effective setting, as /conf shows it. */
export interface ConfigurationEntry {
  readonly key: string;
  readonly value: string;
  /** Where it was set. */
  readonly origin: string;
  /** Whether this release reads it. */
  readonly used: boolean;
}

/** The reference's shape, so that tools which read its /conf read ours; `used` is our own. */
interface Property {
  readonly key: string;
  readonly value: string;
  readonly isFinal: boolean;
  readonly resource: string;
  readonly used: boolean;
}

export function configurationJson(entries: readonly ConfigurationEntry[]): { properties: Property[] } {
  return { properties: entries.map(propertyOf) };
}

export function propertyJson(entry: ConfigurationEntry): { property: Property } {
  return { property: propertyOf(entry) };
}

export function configurationXml(entries: readonly ConfigurationEntry[]): string {
  const properties = entries.map(({ key, value, origin }) => {
    const fields = `<name>${xml(key)}</name><value>${xml(value)}</value>`;
    return `<property>${fields}<final>false</final><source>${xml(origin)}</source></property>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n${properties.join("")}</configuration>\n`;
}

function propertyOf({ key, value, origin, used }: ConfigurationEntry): Property {
  return { key, value, isFinal: false, resource: origin, used };
}

const XML_ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Characters that XML 1.0 cannot carry become U+FFFD. */
function xml(value: string): string {
  return value
    .replace(/[&<>"']/g, (character) => XML_ENTITIES[character] ?? "")
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd");
}
