import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "2.2.0";
/** Where the release is kept if nobody says otherwise. */
export const DEFAULT_CACHE = join(homedir(), ".cache", "strata");
const JAVA_VERSION_MIN = 17;
const POM = fileURLToPath(new URL("../../../scripts/interop/release/pom.xml", import.meta.url));
const MISSING_PARENT = fileURLToPath(
  new URL("../../../scripts/interop/release/missing-parent.pom", import.meta.url),
);
const PARENT_NAME = "hdds-hadoop-dependency-client";
const DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1";

/** The jars of the released programs; or why there are none. */
export type Release =
  | { readonly kind: "found"; readonly classpath: string }
  | { readonly kind: "missing"; readonly why: string };

/** The release in `cacheDirectory`. When it is not there, Maven fetches it (about 300 MB) if `mayFetch`. */
export function findRelease(
  cacheDirectory: string,
  mayFetch: boolean,
  print: (line: string) => void,
): Release {
  if (!hasJava()) return { kind: "missing", why: "no Java" };
  const home = join(cacheDirectory, `ozone-${VERSION}`);
  const known = classpathIn(home);
  if (known !== undefined) return { kind: "found", classpath: known };
  if (!mayFetch) return { kind: "missing", why: "no jars; `npm run interop -- --fetch` fetches them" };
  if (!answers("mvn", ["-v"])) return { kind: "missing", why: "no Maven" };
  print(`fetching Ozone ${VERSION} into ${home} …`);
  fetch(home);
  const classpath = classpathIn(home);
  if (classpath === undefined) throw new Error(`Maven has not left the release's jars in ${home}`);
  return { kind: "found", classpath };
}

function hasJava(): boolean {
  const { status, stderr } = spawnSync("java", ["-version"], { encoding: "utf8" });
  const version = /version "(\d+)/.exec(stderr ?? "")?.[1];
  return status === 0 && Number(version) >= JAVA_VERSION_MIN;
}

function answers(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

function classpathIn(home: string): string | undefined {
  const file = join(home, "classpath");
  if (!existsSync(file)) return undefined;
  const classpath = readFileSync(file, "utf8").trim();
  // The cache may have been cleaned since.
  return classpath.split(delimiter).every((jar) => existsSync(jar)) ? classpath : undefined;
}

/** The repository is one of its own: what stands in for the missing parent must not get into the user's. */
function fetch(home: string): void {
  const repository = join(home, "repository");
  const parent = join(repository, "org/apache/ozone", PARENT_NAME, VERSION);
  mkdirSync(parent, { recursive: true });
  cpSync(MISSING_PARENT, join(parent, `${PARENT_NAME}-${VERSION}.pom`));
  const unfinished = join(home, "classpath.new");
  const args = [
    "--batch-mode",
    "--quiet",
    "-Dstyle.color=never",
    `--file=${POM}`,
    `-Dmaven.repo.local=${repository}`,
    `${DEPENDENCY_PLUGIN}:build-classpath`,
    "-DincludeScope=runtime",
    `-Dmdep.outputFile=${unfinished}`,
  ];
  const { status } = spawnSync("mvn", args, { stdio: ["ignore", "inherit", "inherit"], cwd: home });
  if (status !== 0) throw new Error(`Maven ended with ${status}`);
  renameSync(unfinished, join(home, "classpath"));
}
