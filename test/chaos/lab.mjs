// What chaos runs share: processes that are known by a mark in their environment, projects, and digests of output.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const cli = path.join(root, "dist/cli/main.js");

/**
 * A process whose words go to the end of the file `log`; on a machine that is the network namespace `machine`, or here.
 * `ended` gives its exit code.
 */
export function watched(command, args, { cwd, env, log, machine }) {
  const out = fs.openSync(log, "a");
  // `ip` becomes the command, so its id is the child's.
  const [file, ...all] = [...(machine === null ? [] : ["ip", "netns", "exec", machine]), command, ...args];
  const child = spawn(file, all, { cwd, env, stdio: ["ignore", out, out] });
  fs.closeSync(out);
  const one = { child, isOver: false };
  one.ended = new Promise((resolve) =>
    child.once("exit", (code) => {
      one.isOver = true;
      resolve(code);
    }),
  );
  return one;
}

/** The last lines of a log, in one. */
export const tailOf = (log) => fs.readFileSync(log, "utf8").trim().split("\n").slice(-4).join(" | ");

/** Whether it was there to be killed: it may have ended a moment ago. */
export function killed(pid) {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if (error.code === "ESRCH") return false;
    throw error;
  }
}

let marks = 0;

/** Processes that are started with this environment, and those that they start, in whatever generation. */
export class Marked {
  constructor() {
    this.mark = `chaos-${process.pid}-${++marks}-${Date.now()}`;
    this.env = { ...process.env, SHOAL_CHAOS: this.mark, NO_COLOR: "1" };
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, () => {
        for (const pid of this.living()) process.kill(pid, "SIGKILL");
        process.exit(130);
      });
    }
  }

  /** Those that live and run this module of shoal's, as "slot.js". */
  running(module) {
    return this.living().filter((pid) => {
      try {
        return fs
          .readFileSync(`/proc/${pid}/cmdline`, "latin1")
          .split("\0")
          .some((word) => word.endsWith(`/${module}`));
      } catch {
        return false;
      }
    });
  }

  /** Those that still live. Zombies are gone: they hold nothing. */
  living() {
    return fs
      .readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          if (/\) [ZX] /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))) return false;
          return fs.readFileSync(`/proc/${pid}/environ`, "latin1").includes(`SHOAL_CHAOS=${this.mark}`);
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  /** Waits until none lives, at most 10 s. Returns what still does. */
  async allGone() {
    const until = performance.now() + 10_000;
    for (;;) {
      const left = this.living();
      if (left.length === 0 || performance.now() > until) return left;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Of a directory's output files: their number, names and contents. */
export function digest(directory) {
  const hash = createHash("sha256");
  const names = fs.existsSync(directory)
    ? fs
        .readdirSync(directory)
        .filter((name) => name.startsWith("part-"))
        .sort()
    : [];
  for (const name of names) hash.update(`${name}\0`).update(fs.readFileSync(path.join(directory, name)));
  return `${names.length} files ${hash.digest("hex")}`;
}

/** An empty directory in which `shoal` is installed. */
export function newProject(lab, name) {
  const directory = path.join(lab, `${name}-${process.pid}`);
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(path.join(directory, "node_modules"), { recursive: true });
  fs.symlinkSync(root, path.join(directory, "node_modules/shoal"));
  return directory;
}
