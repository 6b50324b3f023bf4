// What is seen on standard error while a job runs: one live line on a terminal, a plain line now and then
// elsewhere.
//
// Everything that is printed meanwhile (notes, what user code prints) goes through here, so that it never
// runs into the live line.

import { progressLine } from "./progress-line.ts";
import type { Progress } from "./api.ts";
import type { Paint } from "./paint.ts";
import { escapeLine, escapeOutput } from "./printable.ts";

/** What of standard error this needs. */
export interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Draws the live line and takes it away again: log-update, loaded when the first line is drawn. */
export interface LiveLine {
  (text: string): void;
  clear(): void;
  done(): void;
}

export interface ProgressViewOptions {
  readonly screen: Screen;
  readonly paint: Paint;
  /** No progress and no notes. What user code prints is printed all the same. */
  readonly quiet: boolean;
  readonly loadLiveLine: () => Promise<LiveLine>;
}

const plainEveryMs = 5000;
const partialMax = 65_536;
/** On a narrower terminal there is no live line. */
const columnsMin = 20;

export class ProgressView {
  private readonly options: ProgressViewOptions;
  private readonly isLive: boolean;
  private live: LiveLine | "unloaded" | "loading" | "closed" = "unloaded";
  private shown: Progress | null = null;
  private lastPlainMs = 0;
  /** What user code printed since its last line end. */
  private partial = "";

  constructor(options: ProgressViewOptions) {
    this.options = options;
    const { isTTY, columns } = options.screen;
    // A terminal that does not know its size says 0.
    this.isLive = isTTY === true && (columns ?? 80) >= columnsMin && !options.quiet;
  }

  progress(progress: Progress): void {
    if (this.options.quiet || this.live === "closed") return;
    this.shown = progress;
    if (this.isLive) {
      if (this.live === "unloaded") this.load();
      this.draw();
    } else if (progress.elapsedMs - this.lastPlainMs >= plainEveryMs) {
      this.lastPlainMs = progress.elapsedMs;
      this.options.screen.write(`${progressLine(progress, { width: Infinity, bar: false })}\n`);
    }
  }

  /** A line of shoal's about this run: a retry, a backup. */
  note(line: string): void {
    if (!this.options.quiet) this.above(`${this.options.paint.yellow("note:")} ${escapeLine(line)}\n`);
  }

  /** What user code printed. Held back to whole lines. */
  output(text: string): void {
    this.partial += text;
    const end = this.partial.length > partialMax ? this.partial.length : this.partial.lastIndexOf("\n") + 1;
    if (end === 0) return;
    const whole = this.partial.slice(0, end);
    this.partial = this.partial.slice(end);
    this.above(this.options.screen.isTTY === true ? escapeOutput(whole) : whole);
  }

  /** Takes the live line away and prints what is held back. Nothing is drawn afterwards. */
  close(): void {
    if (this.live === "closed") return;
    if (this.partial !== "") this.output("\n");
    if (typeof this.live === "function") {
      this.live.clear();
      this.live.done();
    }
    this.live = "closed";
  }

  private above(text: string): void {
    if (typeof this.live === "function") this.live.clear();
    this.options.screen.write(text);
    this.draw();
  }

  private load(): void {
    this.live = "loading";
    this.options.loadLiveLine().then(
      (live) => {
        if (this.live === "loading") this.live = live;
        this.draw();
      },
      () => {
        // Without it there is no live line, and the job matters more: plain lines would be no better.
        this.live = "closed";
      },
    );
  }

  private draw(): void {
    if (typeof this.live !== "function" || this.shown === null) return;
    const { paint, screen } = this.options;
    this.live(progressLine(this.shown, { width: (screen.columns ?? 80) - 1, bar: true, paint }));
  }
}
