// One attempt: a shell that runs the job's command in a process group of its own, its output in two files.
//
// It has ended when the shell has; after a signal, when its whole group has, since what the shell started is to end too.

import { spawn, type ChildProcess } from "node:child_process";
import { OutputFile } from "./output-file.ts";
import { guardGroup, isGroupAlive, signalGroup, unguardGroup } from "./process-group.ts";

export interface JobCommand {
  readonly shell: string;
  readonly command: string;
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `refusal`: why there was no process at all. */
export interface JobEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly refusal: NodeJS.ErrnoException | null;
}

const groupLookMs = 10;
/** A group that SIGKILL does not end waits for a disk. */
const looksAfterKill = 10;

export class JobProcess {
  readonly stdout = new OutputFile();
  readonly stderr: OutputFile;
  private readonly onEnd: (end: JobEnd) => void;
  private child: ChildProcess | null = null;
  private isSignalled = false;
  private looksLeft = Infinity;
  private hasEnded = false;

  /** Throws what the system says when there is no descriptor left. */
  constructor(onEnd: (end: JobEnd) => void) {
    this.onEnd = onEnd;
    try {
      this.stderr = new OutputFile();
    } catch (error) {
      this.stdout.release();
      throw error;
    }
  }

  /** Starts it. `onEnd` is called once, never before this returns. */
  start({ shell, command, directory, env }: JobCommand): void {
    let child: ChildProcess;
    try {
      child = spawn(shell, ["-c", command], {
        cwd: directory,
        env,
        detached: true, // a group of its own, so that a signal reaches all that it starts
        stdio: ["ignore", this.stdout.fd, this.stderr.fd],
      });
    } catch (error) {
      process.nextTick(() =>
        this.end({ exitCode: null, signal: null, refusal: error as NodeJS.ErrnoException }),
      );
      return;
    }
    this.child = child;
    if (child.pid !== undefined) guardGroup(child.pid);
    child.once("error", (error) => {
      if (child.pid === undefined) this.end({ exitCode: null, signal: null, refusal: error });
    });
    child.once("exit", (exitCode, signal) => this.endWithGroup({ exitCode, signal, refusal: null }));
  }

  /** To the whole group. */
  signal(signal: NodeJS.Signals): void {
    this.isSignalled = true;
    if (signal === "SIGKILL") this.looksLeft = looksAfterKill;
    const group = this.child?.pid;
    // The id of a group that has ended may be another's by now.
    if (group !== undefined && !this.hasEnded) signalGroup(group, signal);
  }

  release(): void {
    this.stdout.release();
    this.stderr.release();
  }

  private endWithGroup(end: JobEnd): void {
    const isOver = !this.isSignalled || this.looksLeft-- <= 0 || !isGroupAlive(this.child!.pid!);
    if (isOver) this.end(end);
    else setTimeout(() => this.endWithGroup(end), groupLookMs);
  }

  private end(end: JobEnd): void {
    this.hasEnded = true;
    if (this.child?.pid !== undefined) unguardGroup(this.child.pid);
    this.stdout.seal();
    this.stderr.seal();
    this.onEnd(end);
  }
}
