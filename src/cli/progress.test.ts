import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Progress } from "./api.ts";
import { noPaint, paintFor, wantsColour } from "./paint.ts";
import { progressLine } from "./progress-line.ts";
import { ProgressView } from "./progress-view.ts";
import type { LiveLine } from "./progress-view.ts";

const progress = (some: Partial<Progress> = {}, stage: Partial<Progress["stage"]> = {}): Progress => ({
  job: "wordcount",
  elapsedMs: 3000,
  tasks: { finished: 34, running: 2, total: 90 },
  recordsIn: 1_234_567,
  bytesIn: 60 * 2 ** 20,
  bytesPerSecond: 85.3 * 2 ** 20,
  etaMs: null,
  retries: 0,
  backups: 0,
  ...some,
  stage: {
    index: 0,
    name: "read.lines → flatMap",
    count: 2,
    tasks: { finished: 34, running: 2, total: 80 },
    recordsIn: 1_234_567,
    bytesIn: 60 * 2 ** 20,
    bytesTotal: 120 * 2 ** 20,
    etaMs: 11_200,
    ...stage,
  },
});

describe("progressLine", () => {
  it("has stage, tasks, records, rate and estimate", () => {
    expect(progressLine(progress(), { width: 200, bar: true })).toBe(
      "[1/2]  read.lines → flatMap  ████████░░░░░░░░  50 %  34/80 tasks  1,234,567 records  85.3 MiB/s  ~12 s left in stage",
    );
    expect(
      progressLine(
        progress(
          { etaMs: 125_000, retries: 2, backups: 1, bytesPerSecond: 0 },
          { index: 1, bytesTotal: null },
        ),
        { width: 200, bar: false },
      ),
    ).toBe(
      "[2/2]  read.lines → flatMap  42 %  34/80 tasks  1,234,567 records  ~2 m 05 s left  2 retries, 1 backup",
    );
  });

  it("drops what matters least until it fits, at any width", () => {
    expect(progressLine(progress({ retries: 1 }), { width: 60, bar: true })).toBe(
      "[1/2]  50 %  34/80 tasks  ~12 s left in stage  1 retry",
    );
    expect(progressLine(progress(), { width: 14, bar: true })).toBe("[1/2]  50 %");
    for (let width = 1; width < 150; width++) {
      expect([...progressLine(progress({ retries: 3 }), { width, bar: true })].length).toBeLessThanOrEqual(
        width,
      );
    }
  });

  it("says 100 % only when every task is finished, and nothing that is not a number", () => {
    const all = { finished: 80, running: 0, total: 80 };
    expect(progressLine(progress({}, { bytesIn: 120 * 2 ** 20 }), { width: 200, bar: true })).toContain(
      "99 %",
    );
    expect(progressLine(progress({}, { tasks: all, bytesIn: 0 }), { width: 200, bar: true })).toContain(
      "100 %",
    );
    const none = progress({}, { tasks: { finished: 0, running: 0, total: 0 }, bytesTotal: 0, bytesIn: 0 });
    expect(progressLine(none, { width: 200, bar: true })).toContain("  0 %  0/0 tasks");
  });

  it("escapes a stage's name and colours its parts", async () => {
    const paint = await paintFor({ FORCE_COLOR: "1" }, false);
    const line = progressLine(progress({}, { name: "a\u001b[2Jb" }), { width: 200, bar: true, paint });
    expect(line).toContain("a\\e[2Jb");
    expect(line).toContain("\u001b[1m[1/2]\u001b[22m");
  });
});

describe("wantsColour", () => {
  it.each<[NodeJS.ProcessEnv, boolean, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: "1" }, true, false],
    [{ NO_COLOR: "" }, true, true],
    [{ FORCE_COLOR: "1" }, false, true],
    [{ FORCE_COLOR: "0" }, true, false],
    [{ TERM: "dumb" }, true, false],
    [{ NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
  ])("%j on a terminal: %s → %s", (env, isTerminal, expected) =>
    expect(wantsColour(env, isTerminal)).toBe(expected),
  );
});

/** Standard error that remembers; the live line as log-update draws it, but legible. */
function screen(isTTY: boolean, quiet = false, columns = 80) {
  const written: string[] = [];
  const live: LiveLine = Object.assign(
    (text: string) => {
      written.push(`<${text.slice(0, 5)}>`);
    },
    {
      clear: () => {
        written.push("<clear>");
      },
      done: () => {
        written.push("<done>");
      },
    },
  );
  let loaded!: () => void;
  const loading = new Promise<LiveLine>((resolve) => {
    loaded = () => resolve(live);
  });
  const view = new ProgressView({
    screen: { isTTY, columns, write: (text) => written.push(text) },
    paint: noPaint,
    quiet,
    loadLiveLine: () => loading,
  });
  const ready = async (): Promise<void> => {
    loaded();
    await loading;
    await Promise.resolve();
  };
  return { view, ready, take: () => written.splice(0) };
}

describe("ProgressView", () => {
  it("prints a plain line every five seconds where there is no terminal", () => {
    const { view, take } = screen(false);
    for (let elapsedMs = 0; elapsedMs <= 12_000; elapsedMs += 100) view.progress(progress({ elapsedMs }));
    const lines = take();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe(
      "[1/2]  read.lines → flatMap  50 %  34/80 tasks  1,234,567 records  85.3 MiB/s  ~12 s left in stage\n",
    );
  });

  it("draws one line on a terminal, and takes it away for notes and prints", async () => {
    const { view, ready, take } = screen(true);
    view.progress(progress());
    view.note("t1.1 failed");
    expect(take()).toEqual(["note: t1.1 failed\n"]); // not drawn yet: still loading
    await ready();
    expect(take()).toEqual(["<[1/2]>"]);
    view.progress(progress());
    view.note("t1.2\nfailed");
    expect(take()).toEqual(["<[1/2]>", "<clear>", "note: t1.2\\nfailed\n", "<[1/2]>"]);
    view.output("hello ");
    expect(take()).toEqual([]); // half a line never runs into the live one
    view.output("world\u001b[2J\nand");
    expect(take()).toEqual(["<clear>", "hello world\\e[2J\n", "<[1/2]>"]);
    view.close();
    expect(take()).toEqual(["<clear>", "and\n", "<[1/2]>", "<clear>", "<done>"]);
    view.progress(progress());
    view.close();
    expect(take()).toEqual([]);
  });

  it("is not opened by a load that comes after the end", async () => {
    const { view, ready, take } = screen(true);
    view.progress(progress());
    view.close();
    await ready();
    expect(take()).toEqual([]);
  });

  it("has no live line on a terminal without a size", () => {
    const { view, take } = screen(true, false, 0);
    view.progress(progress({ elapsedMs: 5000 }));
    expect(take()).toHaveLength(1);
  });

  it("prints nothing of its own when quiet, but what user code prints", () => {
    const { view, take } = screen(true, true);
    view.progress(progress({ elapsedMs: 10_000 }));
    view.note("t1.1 failed");
    view.output("hello\n");
    view.close();
    expect(take()).toEqual(["hello\n"]);
  });

  it("passes a line of any length on without keeping it", () => {
    const { view, take } = screen(false);
    view.output("x".repeat(100_000));
    expect(take()).toEqual(["x".repeat(100_000)]);
    view.output("\u001b[2Jraw\n"); // no terminal: nothing is changed
    expect(take()).toEqual(["\u001b[2Jraw\n"]);
  });

  it("draws with log-update", async () => {
    const { createLogUpdate } = await import("log-update");
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    let drawn = "";
    stderr.on("data", (data: Buffer) => {
      drawn += data.toString();
    });
    const line = createLogUpdate(stderr as unknown as NodeJS.WriteStream);
    const loading = Promise.resolve<LiveLine>(line);
    const view = new ProgressView({
      screen: stderr,
      paint: noPaint,
      quiet: false,
      loadLiveLine: () => loading,
    });
    view.progress(progress());
    await loading;
    await Promise.resolve();
    view.note("t1.1 failed");
    view.close();
    expect(drawn).toContain("34/80 tasks");
    expect(drawn).toContain("note: t1.1 failed\n");
  });
});
