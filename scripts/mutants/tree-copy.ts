import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Mutant, patched } from "../../test/mutants/mutant.js";
import { type Ended, runNode } from "./run-node.js";

const FOLDERS = ["engine", "workers", "protocol", "bench", "scripts", "test", "docs", "dist"];
const FILES = ["package.json", "package-lock.json", "tsconfig.json", "README.md", "ARCHITECTURE.md"];
const BUILD_LIMIT_MS = 120_000;

/** A copy of the tree in a temporary directory, for changing, building and running it. */
export class TreeCopy {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Copies the tree at `root`, which must be built, and builds the copy with settings of its own. */
  static async create(root: string): Promise<TreeCopy> {
    const directory = mkdtempSync(join(tmpdir(), "strata-mutants-"));
    const copy = new TreeCopy(directory);
    try {
      for (const folder of FOLDERS) cpSync(join(root, folder), join(directory, folder), { recursive: true });
      for (const file of FILES) cpSync(join(root, file), join(directory, file));
      symlinkSync(resolve(root, "node_modules"), join(directory, "node_modules"));
      copy.#relax();
      const { code, output } = await copy.build();
      if (code !== 0) throw new Error(`the copy does not build:\n${output}`);
      return copy;
    } catch (error) {
      copy.remove();
      throw error;
    }
  }

  /** What a mutant no longer uses is no error. */
  #relax(): void {
    const path = join(this.directory, "tsconfig.json");
    const config = JSON.parse(readFileSync(path, "utf8")) as { compilerOptions: Record<string, unknown> };
    const unused = { noUnusedLocals: false, noUnusedParameters: false, allowUnreachableCode: true };
    Object.assign(config.compilerOptions, unused);
    writeFileSync(path, JSON.stringify(config));
  }

  /** What was built before stays as it is when there is an error. */
  async build(): Promise<Ended> {
    return await runNode(["node_modules/typescript/bin/tsc", "-b"], this.directory, BUILD_LIMIT_MS);
  }

  /** Runs `task` on the copy with `mutant` in it. Throws when it cannot be put in, or does not compile. */
  async with<T>(mutant: Mutant, task: () => Promise<T>): Promise<T> {
    const files = [...new Set(mutant.edits.map(({ file }) => file))];
    const before = files.map((file) => readFileSync(join(this.directory, file), "utf8"));
    const after = files.map((file, i) => patched(mutant, file, before[i] as string));
    const write = (texts: readonly string[]): void => {
      for (const [i, file] of files.entries()) writeFileSync(join(this.directory, file), texts[i] as string);
    };
    write(after);
    try {
      const { code, output } = await this.build();
      if (code !== 0) throw new Error(`mutant ${mutant.name} does not compile:\n${output}`);
      return await task();
    } finally {
      write(before);
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
