// A thread's process with the storage library (library-host.ts): begun when it is first asked, and anew if it ended. Who
// asks is answered, or told that it ended.
//
// Owner of: the process. A thread that is ended closes its pipes, and the process ends by that; as a zombie it stays
// until this process ends, since the thread that would have waited for it is gone.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createRequire } from "node:module";
import type { Readable, Writable } from "node:stream";
import { FrameReader, frameOf, type Frame } from "./library-frames.ts";

/** What it is asked to do with a store; keys are as the store has them. */
export type Ask =
  | { readonly kind: "abilities" }
  | { readonly kind: "info"; readonly key: string }
  | {
      readonly kind: "list";
      readonly prefix: string;
      readonly isDeep: boolean;
      readonly atMost: number | null;
    }
  | {
      readonly kind: "read";
      readonly key: string;
      readonly from: number;
      /** Null: all of it. */
      readonly to: number | null;
      readonly ifMatch: string | null;
      readonly looksAfter: boolean;
    }
  | { readonly kind: "write"; readonly key: string; readonly text: string; readonly isNew: boolean }
  | { readonly kind: "upload"; readonly key: string; readonly file: string }
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  | { readonly kind: "delete"; readonly key: string };

export interface Asked {
  readonly id: number;
  readonly scheme: string;
  readonly config: Record<string, string>;
  readonly ask: Ask;
}

export interface MetadataData {
  readonly size: number;
  readonly etag: string | null;
  readonly modified: string | null;
  readonly isDirectory: boolean;
}

export type EntryData = [path: string, metadata: MetadataData];

/** The library's own words, or Node's where it did not get that far. */
export class LibraryError extends Error {
  override readonly name = "LibraryError";
  readonly code: string | null;

  constructor(message: string, code: string | null) {
    super(message);
    this.code = code;
  }
}

export const endedCode = "LIBRARY_ENDED";

interface Waiter {
  resolve(frame: Frame): void;
  reject(error: LibraryError): void;
}

const lastWordsMax = 2000;

class LibraryProcess {
  isOver = false;
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly waiting = new Map<number, Waiter>();
  private lastId = 0;
  private lastWords = "";

  constructor() {
    const program = createRequire(import.meta.url).resolve("shoal/store-host");
    this.child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "pipe"] });
    const frames = new FrameReader((frame) => this.answered(frame));
    this.child.stdout.on("data", (part: Buffer) => frames.add(part));
    this.child.stderr.setEncoding("utf8");
    this.child.stderr.on("data", (text: string) => {
      this.lastWords = (this.lastWords + text).slice(-lastWordsMax);
    });
    this.child.stdin.on("error", () => {}); // it has ended: that is told by its exit
    this.child.once("error", (error) => this.end(error.message));
    this.child.once("close", (code, signal) =>
      this.end(`${signal ?? `exit code ${code}`} ${this.lastWords}`),
    );
    this.setReferenced(false);
  }

  ask(request: Omit<Asked, "id">): Promise<Frame> {
    const id = ++this.lastId;
    const answer = new Promise<Frame>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.setReferenced(true);
    for (const part of frameOf({ ...request, id })) this.child.stdin.write(part);
    return answer;
  }

  private answered(frame: Frame): void {
    const { id, error } = frame.head as { id: number; error?: { message: string; code: string | null } };
    const waiter = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.setReferenced(false);
    if (error === undefined) waiter?.resolve(frame);
    else waiter?.reject(new LibraryError(error.message, error.code));
  }

  private end(how: string): void {
    this.isOver = true;
    const error = new LibraryError(`the storage library's process ended: ${how.trim()}`, endedCode);
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  /** Nobody waits for it unless it was asked something. */
  private setReferenced(isReferenced: boolean): void {
    const { child } = this;
    for (const handle of [child, child.stdin, child.stdout, child.stderr]) {
      const { ref, unref } = handle as { ref?: () => void; unref?: () => void };
      (isReferenced ? ref : unref)?.call(handle);
    }
  }
}

let running: LibraryProcess | null = null;

/** LibraryError. */
export async function askLibrary(request: Omit<Asked, "id">): Promise<Frame> {
  if (running === null || running.isOver) running = new LibraryProcess();
  return await running.ask(request);
}
