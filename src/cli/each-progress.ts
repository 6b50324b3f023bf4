// --bar and --eta: how far the jobs are, as one live line on a terminal and now and then a plain one elsewhere.

import { formatCount, formatDuration } from "../base/units.ts";
import type { EachProgress } from "./api.ts";
import type { Paint } from "./paint.ts";
import { clip, escapeLine } from "./printable.ts";
import type { LiveLine, Screen } from "./progress-view.ts";

export interface EachViewOptions {
  readonly screen: Screen;
  readonly paint: Paint;
  readonly bar: boolean;
  readonly eta: boolean;
  readonly loadLiveLine: () => Promise<LiveLine>;
}

const barWidth = 24;
const drawEveryMs = 100;
const plainEveryMs = 5000;

export class EachView {
  private readonly options: EachViewOptions;
  private readonly isShown: boolean;
  private live: LiveLine | null = null;
  private last: EachProgress | null = null;
  private drawnAt = -Infinity;
  private isHidden = false;

  constructor(options: EachViewOptions) {
    this.options = options;
    this.isShown = options.bar || options.eta;
  }

  /** Loads what draws the line. */
  async open(): Promise<void> {
    if (this.isShown && this.options.screen.isTTY === true) this.live = await this.options.loadLiveLine();
  }

  progress(progress: EachProgress): void {
    this.last = progress;
    const everyMs = this.live === null ? plainEveryMs : drawEveryMs;
    if (!this.isShown || this.isHidden || progress.elapsedMs - this.drawnAt < everyMs) return;
    // The first plain line comes when there is something to tell.
    if (this.live !== null || this.drawnAt !== -Infinity) this.draw();
    this.drawnAt = progress.elapsedMs;
  }

  note(line: string): void {
    this.hide();
    this.options.screen.write(`${this.options.paint.yellow("note:")} ${escapeLine(line)}\n`);
    this.show();
  }

  /** Takes the line away, so that others can write. */
  hide(): void {
    this.isHidden = true;
    this.live?.clear();
  }

  show(): void {
    this.isHidden = false;
    if (this.live !== null) this.draw();
  }

  /** Prints the last line for good. */
  close(): void {
    if (this.isShown) this.draw();
    this.live?.done();
    this.live = null;
    this.isHidden = true;
  }

  private draw(): void {
    if (this.last === null) return;
    const { screen, paint, bar } = this.options;
    const width = this.live === null ? Infinity : Math.max(20, screen.columns || 80) - 1;
    const line = eachProgressLine(this.last, { width, bar, paint });
    if (this.live === null) screen.write(`${line}\n`);
    else this.live(line);
  }
}

export interface EachLineOptions {
  readonly width: number;
  readonly bar: boolean;
  readonly paint: Paint;
}

/** "████░░░░  40 %  4/10 jobs  1 failed  2 running  ~3 s left" */
export function eachProgressLine(progress: EachProgress, { width, bar, paint }: EachLineOptions): string {
  const { succeeded, failed, running, total, skipped, etaMs } = progress;
  const done = succeeded + failed;
  const share = total === null ? null : total === 0 ? 1 : done / total;
  const filled = share === null ? 0 : Math.floor(share * barWidth);
  const parts: [string, keyof Paint | null][] = [
    [bar && share !== null ? "█".repeat(filled) + "░".repeat(barWidth - filled) : "", "cyan"],
    [share === null ? "" : `${Math.floor(share * 100)} %`, "bold"],
    [`${formatCount(done)}${total === null ? "" : `/${formatCount(total)}`} jobs`, null],
    [failed === 0 ? "" : `${formatCount(failed)} failed`, "red"],
    [etaMs === null || done === total ? "" : `~${roughly(etaMs)} left`, "green"],
    [running === 0 ? "" : `${formatCount(running)} running`, null],
    [skipped === 0 ? "" : `${formatCount(skipped)} done before`, "dim"],
  ];
  const kept = parts.filter(([text]) => text !== "");
  // From the end, the least important first; the bar before the numbers.
  const length = (): number => kept.reduce((sum, [text]) => sum + text.length + 2, -2);
  while (length() > width && kept.length > 2) kept.pop();
  if (length() > width) return clip(kept.map(([text]) => text).join("  "), Math.max(1, width));
  return kept.map(([text, colour]) => (colour === null ? text : paint[colour](text))).join("  ");
}

const roughly = (ms: number): string => (ms < 60_000 ? `${Math.ceil(ms / 1000)} s` : formatDuration(ms));
