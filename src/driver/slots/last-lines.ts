// The last lines that a slot printed, for its death certificate.

const linesMax = 20;
const columnsMax = 300;

export class LastLines {
  private readonly complete: string[] = [];
  private open = "";

  add(text: string): void {
    const parts = text.split("\n");
    parts[0] = this.open + parts[0]!;
    this.open = clip(parts.pop()!);
    for (const line of parts.slice(-linesMax)) this.complete.push(clip(line));
    this.complete.splice(0, Math.max(0, this.complete.length - linesMax));
  }

  /** Oldest first, at most 20; the last may have no end yet. */
  lines(): string[] {
    return [...this.complete, ...(this.open === "" ? [] : [this.open])].slice(-linesMax);
  }
}

const clip = (line: string): string => (line.length <= columnsMax ? line : `${line.slice(0, columnsMax)}…`);
