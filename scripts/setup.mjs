/**
 * Makes a clone ready to run: installs the packages of package-lock.json, generates the code of protocol/hadoop's
 * .proto files and builds into dist/. Silent when there is nothing to do. It is plain JavaScript because it runs before anything is built.
 *
 *   node scripts/setup.mjs [--install-only]
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_VERSION_MIN = [20, 15];
const SOURCE_FOLDERS = ["engine", "workers", "protocol", "bench", "scripts", "test"];
const BUILD_INPUTS = ["package-lock.json", "tsconfig.json"];
const PROTO_FOLDER = "protocol/hadoop";
const GENERATED_FOLDER = "protocol/hadoop/generated";
/** How TypeScript is made of the .proto files. `legacy_required` types a message whose required fields are there. */
const GENERATOR = {
  local: [process.execPath, "node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es"],
  out: GENERATED_FOLDER,
  opt: ["target=ts", "import_extension=js", "erasable_syntax=true", "valid_types=legacy_required"],
};
/** What may change the generated code: the versions of the generator stand in the lock file. */
const GENERATOR_INPUTS = ["package-lock.json", "scripts/setup.mjs"];
const LOCK_FOLDER = "dist/.setup-lock";
const LOCK_POLL_MS = 50;
/** What the last good build was made of. tsc's own record is no use: it is also written by a failed build. */
const STAMP_FILE = "dist/.built.json";
const GENERATED_STAMP_FILE = "dist/.generated.json";

let lockIsHeld = false;

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
checkNodeVersion();
takeLock();
try {
  if (!packagesAreCurrent()) install();
  generate();
  if (!process.argv.includes("--install-only")) build();
} finally {
  rmSync(LOCK_FOLDER, { recursive: true, force: true });
}

function checkNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  fail(`Strata needs Node.js ${majorMin}.${minorMin} or newer; this is ${process.versions.node}.`);
}

/** One set-up at a time. The folder is renamed into place with its owner's pid inside, so it is never ownerless. */
function takeLock() {
  const mine = `${LOCK_FOLDER}.${process.pid}`;
  rmSync(mine, { recursive: true, force: true });
  mkdirSync(mine, { recursive: true });
  writeFileSync(join(mine, "pid"), String(process.pid));
  for (;;) {
    try {
      renameSync(mine, LOCK_FOLDER);
      lockIsHeld = true;
      return;
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(error.code)) throw error;
    }
    const owner = readOrEmpty(join(LOCK_FOLDER, "pid"));
    if (owner !== "" && !isAlive(Number(owner))) breakLock(owner);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS);
  }
}

/** Takes away the lock of a dead process; when another set-up was faster, its new lock is put back. */
function breakLock(deadOwner) {
  const aside = `${LOCK_FOLDER}.${process.pid}.stale`;
  try {
    renameSync(LOCK_FOLDER, aside);
    if (readOrEmpty(join(aside, "pid")) !== deadOwner) renameSync(aside, LOCK_FOLDER);
  } catch {
    // Someone else moved it first; the caller looks again.
  }
  rmSync(aside, { recursive: true, force: true });
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Whether node_modules holds every package of the lock file; optional ones of other platforms may be absent. */
function packagesAreCurrent() {
  const installed = readJson("node_modules/.package-lock.json")?.packages;
  if (installed === undefined) return false;
  return Object.entries(readJson("package-lock.json")?.packages ?? {}).every(([path, wanted]) => {
    const found = path === "" ? wanted : installed[path];
    if (found === undefined) return wanted.optional === true;
    return found.version === wanted.version && (path === "" || existsSync(join(path, "package.json")));
  });
}

function install() {
  say("installing packages (npm ci) …");
  const options = { encoding: "utf8", shell: process.platform === "win32" };
  const result = spawnSync("npm", ["ci", "--include=dev"], options);
  if (result.status === 0) return;
  fail(`npm ci failed.\n${result.error?.message ?? ""}${result.stdout ?? ""}${result.stderr ?? ""}`);
}

/** Makes the TypeScript of the .proto files. It is no part of the repository. */
function generate() {
  const protos = list(PROTO_FOLDER, /\.proto$/);
  const stamp = stampOf([...GENERATOR_INPUTS, ...protos]);
  const outputs = protos.map((path) => join(GENERATED_FOLDER, basename(path).replace(/\.proto$/, "_pb.ts")));
  const isWhole = outputs.every((path) => existsSync(path));
  if (readOrEmpty(GENERATED_STAMP_FILE) === stamp && isWhole) return;

  say(`generating code of ${protos.length} .proto files (buf) …`);
  rmSync(GENERATED_STAMP_FILE, { force: true });
  rmSync(GENERATED_FOLDER, { recursive: true, force: true });
  const buf = "node_modules/@bufbuild/buf/bin/buf";
  const template = JSON.stringify({ version: "v2", plugins: [GENERATOR] });
  const call = [buf, "generate", PROTO_FOLDER, "--template", template];
  const result = spawnSync(process.execPath, call, { encoding: "utf8" });
  if (result.status !== 0) fail(`no code was generated.\n${result.stdout}${result.stderr}`);
  writeFileSync(GENERATED_STAMP_FILE, stamp);
}

function build() {
  const sources = SOURCE_FOLDERS.flatMap((folder) => list(folder, /(?<!\.d)\.ts$/));
  const stamp = stampOf([...BUILD_INPUTS, ...sources]);
  const orphans = orphanedOutputs(sources);
  const outputIsMissing = sources.some((path) => !existsSync(outputOf(path)));
  if (readOrEmpty(STAMP_FILE) === stamp && orphans.length === 0 && !outputIsMissing) return;

  say(`building ${sources.length} files (tsc) …`);
  rmSync(STAMP_FILE, { force: true });
  for (const path of orphans) rmSync(path, { force: true });
  // tsc trusts its record of what it wrote; without the record it writes everything again.
  if (outputIsMissing) rmSync("dist/tsconfig.tsbuildinfo", { force: true });
  const tsc = "node_modules/typescript/bin/tsc";
  const result = spawnSync(process.execPath, [tsc, "-b"], { encoding: "utf8" });
  if (result.status !== 0) fail(`the build failed; nothing was written.\n${result.stdout}${result.stderr}`);
  writeFileSync(STAMP_FILE, stamp);
}

/** Outputs whose source is gone: tsc leaves them, and a deleted test would go on running. */
function orphanedOutputs(sources) {
  const wanted = new Set(sources.map((path) => outputOf(path).slice(0, -".js".length)));
  const outputs = SOURCE_FOLDERS.flatMap((folder) => list(join("dist", folder), /\.(js|js\.map|d\.ts)$/));
  return outputs.filter((path) => !wanted.has(path.replace(/\.(js|js\.map|d\.ts)$/, "")));
}

function outputOf(source) {
  return join("dist", source.replace(/\.ts$/, ".js"));
}

function list(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((item) => {
      const path = join(folder, item.name);
      if (item.isDirectory()) return list(path, pattern);
      return pattern.test(item.name) ? [path] : [];
    });
}

function stampOf(paths) {
  return JSON.stringify(Object.fromEntries(paths.map((path) => [path, stateOf(path)])));
}

function stateOf(path) {
  const { mtimeMs, size } = statSync(path);
  return [mtimeMs, size];
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readJson(path) {
  const text = readOrEmpty(path);
  return text === "" ? undefined : JSON.parse(text);
}

function say(message) {
  process.stderr.write(`strata: ${message}\n`);
}

function fail(message) {
  process.stderr.write(`strata: ${message}\n`);
  if (lockIsHeld) rmSync(LOCK_FOLDER, { recursive: true, force: true });
  process.exit(1);
}
