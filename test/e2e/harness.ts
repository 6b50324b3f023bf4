// Runs the command line as users do: the built program, a real process, a fresh directory.

import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
export const cli = path.join(root, "dist/cli/main.js");
export const booksDir = path.join(root, "examples/books");

/** A directory of a user's project, in which `shoal` is installed. */
export class Project implements Disposable {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), "shoal-e2e-"));

  constructor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    mkdirSync(this.at("node_modules"));
    symlinkSync(root, this.at("node_modules/shoal"));
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  at(...parts: string[]): string {
    return path.join(this.dir, ...parts);
  }

  write(name: string, content: string | Uint8Array): void {
    mkdirSync(path.dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content);
  }

  remove(name: string): void {
    rmSync(this.at(name), { recursive: true, force: true });
  }

  read(name: string): string {
    return readFileSync(this.at(name), "utf8");
  }

  /** Names in a directory, hidden ones too, sorted. */
  list(name: string): string[] {
    return readdirSync(this.at(name)).sort();
  }

  /** The output files of a directory, one after the other. */
  output(name: string): string {
    return this.list(name)
      .filter((file) => file.startsWith("part-"))
      .map((file) => this.read(`${name}/${file}`))
      .join("");
  }

  /** SHA-256 over the names and contents of a directory's output files. */
  digest(name: string): string {
    const hash = createHash("sha256");
    for (const file of this.list(name).filter((entry) => entry.startsWith("part-")))
      hash
        .update(file)
        .update("\0")
        .update(readFileSync(this.at(name, file)));
    return hash.digest("hex");
  }

  start(...args: string[]): Running {
    return this.startWith({}, ...args);
  }

  startWith(env: Readonly<Record<string, string>>, ...args: string[]): Running {
    return new Running(
      spawn(process.execPath, [cli, ...args], {
        cwd: this.dir,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, NO_COLOR: "1", ...env },
      }),
    );
  }

  async shoal(...args: string[]): Promise<Result> {
    return await this.start(...args).ended;
  }

  /**
   * What a run that is over must not leave behind: files of attempts, in the state directory or beside the output. Its
   * journal and summary stay. (A run that is not over keeps what it has finished: see `kept`.)
   */
  leftovers(): string[] {
    const hidden = this.list(".").filter((name) => name.startsWith(".") && name !== ".shoal");
    return [...hidden, ...strayIn(this.at(".shoal"))];
  }

  /** Finished blocks, results and parts that are kept for the same command to go on with, by their attempts. */
  kept(): string[] {
    return namesBelow(this.dir)
      .flatMap((name) => /(?:blocks|results|attempts)\/(t\d+\.\d+)$/.exec(name)?.[1] ?? [])
      .sort();
  }

  /** Names of all below a directory, relative to it, while some of it may be deleted. */
  below(name: string): string[] {
    return namesBelow(this.at(name));
  }

  /** The journals of its jobs as they are on disk, while they are written, moved or deleted. */
  journals(): string {
    const jobs = namesIn(this.at(".shoal/jobs")).map((job) => `.shoal/jobs/${job}/journal`);
    const files = jobs.flatMap((journal) => namesIn(this.at(journal)).map((name) => `${journal}/${name}`));
    return files.map((file) => textIn(this.at(file))).join("");
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Empty where there is none any more. */
const namesIn = (directory: string): string[] => unlessGone(() => readdirSync(directory)) ?? [];
const textIn = (file: string): string => unlessGone(() => readFileSync(file, "utf8")) ?? "";

const namesBelow = (directory: string): string[] =>
  namesIn(directory).flatMap((name) => {
    const place = path.join(directory, name);
    const isDirectory = lstatSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
    return [name, ...(isDirectory ? namesBelow(place).map((below) => `${name}/${below}`) : [])];
  });

function unlessGone<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

const lasting =
  /^(version\.json|swept|lock(\/\d+\.json)?|bundles(\/.*)?|jobs(\/[^/]+(\/job\.json|\/journal(\/journal-\d+\.log)?)?)?)$/;

function strayIn(state: string): string[] {
  return namesBelow(state).filter((name) => !lasting.test(name));
}

export interface Result {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Result>;
  private stderrText = "";

  constructor(child: ChildProcess) {
    this.process = child;
    let stdout = "";
    child.stdout!.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr!.on("data", (chunk: Buffer) => (this.stderrText += chunk.toString()));
    this.ended = new Promise((resolve) => {
      child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr: this.stderrText }));
    });
  }

  /** Resolves when the text has appeared on standard error; rejects if the process ends without it. */
  async said(text: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (this.stderrText.includes(text)) resolve();
      };
      this.process.stderr!.on("data", look);
      void this.ended.then(({ stderr, code }) =>
        reject(new Error(`ended with ${code} and without "${text}":\n${stderr}`)),
      );
      look();
    });
  }
}
