import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Configuration by key. */
export type Keys = Readonly<Record<string, string>>;

/** A directory on the classpath of a released program: configuration and how it logs. */
export function writeSite(directory: string, keys: Keys, logLevel: "INFO" | "WARN"): void {
  mkdirSync(directory, { recursive: true });
  const properties = Object.entries(keys).map(
    ([key, value]) => `  <property><name>${escaped(key)}</name><value>${escaped(value)}</value></property>`,
  );
  writeFileSync(
    join(directory, "ozone-site.xml"),
    ["<configuration>", ...properties, "</configuration>", ""].join("\n"),
  );
  writeFileSync(join(directory, "log4j.properties"), log4j(logLevel));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** To the error stream: what a command prints must stay clean. */
function log4j(level: string): string {
  return [
    `log4j.rootLogger=${level},err`,
    "log4j.appender.err=org.apache.log4j.ConsoleAppender",
    "log4j.appender.err.target=System.err",
    "log4j.appender.err.layout=org.apache.log4j.PatternLayout",
    "log4j.appender.err.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n",
    "log4j.logger.org.apache.ratis=WARN",
    // Load tools tell their progress.
    "log4j.logger.org.apache.hadoop.ozone.freon=INFO",
    "log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR",
    "",
  ].join("\n");
}
