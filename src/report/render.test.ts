import { describe, expect, it } from "vitest";
import { explain } from "./explain.ts";
import { renderReport } from "./render.ts";
import { reportJson } from "./report-json.ts";
import type { Report } from "./report.ts";
import { amdahl, karpFlatt, scheduleBounds } from "./speed-up-laws.ts";

const stage = {
  name: "read.lines → flatMap → countByValue",
  wallMs: 3110,
  tasks: 32,
  finishedTasks: 32,
  keptTasks: 0,
  recordsIn: 5_000_000,
  recordsOut: 800_000,
  bytesIn: 268_435_456,
  bytesOut: 12_000_000,
  medianTaskMs: 180,
  longestTaskMs: 640.5,
};

const report: Report = {
  job: "wordcount",
  outcome: "succeeded",
  wallMs: 3420,
  slots: 2,
  capacityMs: 6840,
  busyMs: 6000,
  speedup: 6000 / 3420,
  lost: { startUp: 240, serial: 120, waiting: 60, stragglers: 380, retries: 0, idle: 40 },
  shares: {
    busy: 6000 / 6840,
    startUp: 240 / 6840,
    serial: 120 / 6840,
    waiting: 60 / 6840,
    stragglers: 380 / 6840,
    retries: 0,
    idle: 40 / 6840,
  },
  unsharedMs: { startUp: 120, oneTask: 0, end: 60 },
  stages: [
    stage,
    {
      ...stage,
      name: "countByValue → tsv",
      wallMs: 130,
      tasks: 8,
      finishedTasks: 8,
      recordsIn: 800_000,
      bytesIn: 12_000_000,
      medianTaskMs: 25,
      longestTaskMs: 31,
    },
  ],
  input: { files: 12, records: 5_000_000, bytes: 268_435_456 },
  output: { records: 61_234, bytes: 812_345 },
  spills: 0,
  spilledBytes: 0,
  skipped: 0,
  retries: 0,
  backups: 0,
  remade: 0,
  counters: {},
};

describe("renderReport", () => {
  it("prints about a dozen aligned lines", () => {
    expect(`\n${renderReport(report).join("\n")}\n`).toBe(`
wordcount succeeded in 3.42 s on 2 slots, 1.75 × one core
where the time went  core time  of the wall    share
  computing             6.00 s       3.00 s   87.7 %  █████████████████████
  start-up              240 ms       120 ms    3.5 %  ▉
  serial parts          120 ms        60 ms    1.7 %  ▍
  waiting for data       60 ms        30 ms    0.9 %  ▎
  stragglers            380 ms       190 ms    5.6 %  █▍
  idle                   40 ms        20 ms    0.6 %  ▏
  together              6.84 s       3.42 s  100.0 %
stages                                   tasks    wall  median  longest  records in  bytes in
  1 read.lines → flatMap → countByValue     32  3.11 s  180 ms   641 ms   5,000,000   256 MiB
  2 countByValue → tsv                       8  130 ms   25 ms    31 ms     800,000  11.4 MiB
in   12 files, 256 MiB, 5,000,000 records
out  793 KiB, 61,234 records
     no spills, no retries
`);
  });

  it("tells of what is out of the ordinary only when there is some", () => {
    const lines = renderReport({
      ...report,
      outcome: "failed",
      slots: 1,
      spills: 3,
      spilledBytes: 2 ** 20,
      skipped: 7,
      retries: 2,
      backups: 1,
      remade: 1,
      counters: { empty: 1234, less: -5, part: 0.5 },
      stages: [{ ...stage, finishedTasks: 30, keptTasks: 12 }],
    });
    expect(lines[0]).toContain("wordcount failed in 3.42 s on 1 slot,");
    expect(lines.join("\n")).toContain("30 of 32");
    expect(lines.slice(-2)).toEqual([
      "     12 tasks kept from before, 3 spills of 1.00 MiB, 7 records skipped, 2 retries, 1 backups, 1 outputs made anew",
      "     counters: empty 1,234, less -5, part 0.5",
    ]);
  });

  it("keeps to its size with a hundred stages and counters", () => {
    const counters = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`counter ${i} ${"x".repeat(100)}`, i]),
    );
    const lines = renderReport({ ...report, stages: Array.from({ length: 100 }, () => stage), counters });
    expect(lines.length).toBeLessThan(32);
    expect(lines.join("\n")).toContain("and 88 more stages");
    expect(lines.at(-1)).toContain("… 92 more");
  });

  it("prints a run of no time at all", () => {
    const none = { startUp: 0, serial: 0, waiting: 0, stragglers: 0, retries: 0, idle: 0 };
    const lines = renderReport(
      {
        ...report,
        wallMs: 0,
        capacityMs: 0,
        busyMs: 0,
        speedup: 0,
        lost: none,
        shares: { busy: 0, ...none },
        stages: [],
      },
      { explain: true },
    );
    expect(lines.join("\n")).not.toMatch(/NaN|Infinity/);
  });
});

describe("explain", () => {
  it("gives the laws with the run's numbers, and what to do", () => {
    expect(`\n${explain(report).join("\n")}\n`).toMatchInlineSnapshot(`
      "
      Amdahl's law (1967): S(p) = 1 / (f + (1 - f) / p)
        T1 = 6.18 s on one slot; 180 ms of it cannot be shared (f = 0.0291):
        start-up 120 ms, stages of one task 0 ms, end 60 ms
        S(2) = 1.94 ×   S(4) = 3.68 ×   S(8) = 6.65 ×   S(16) = 11.14 ×   S(∞) = 34.33 ×
      Karp-Flatt metric (1990): e = (1/ψ - 1/p) / (1 - 1/p)
        ψ = T1 / wall = 1.807, p = 2: e = 0.1068, 0.0777 above f: not the serial part alone, but the other losses too
      Bounds of any schedule (Graham 1966): max(T1/p, T∞) ≤ Tp ≤ T∞ + (T1 - T∞)/p
        T∞ = 852 ms: what cannot be shared, and the longest task of each stage
        with 4 slots, on as many cores: 1.54 s to 2.18 s; this run took 3.42 s with 2
      Why not faster with more slots?
        5.6 % stragglers: the longest task of stage 1 took 641 ms, the median 180 ms; smaller splits (--split-size) divide it
        3.5 % start-up: 120 ms before the first task, whatever the number of slots; it weighs less in longer jobs
      "
    `);
  });

  it("finds the serial share again where nothing else is lost", () => {
    const serialOnly: Report = {
      ...report,
      wallMs: 3100,
      busyMs: 6000,
      unsharedMs: { startUp: 60, oneTask: 0, end: 40 },
    };
    const lines = explain(serialOnly).join("\n");
    expect(lines).toContain("f = 0.0164");
    expect(lines).toContain("e = 0.0164, close to f");
  });

  it("has an answer on one slot, without any loss, and for each cause", () => {
    expect(explain({ ...report, slots: 1, wallMs: 6840 }).join("\n")).toContain("not defined on one slot");
    const { shares } = report;
    const even = Object.fromEntries(
      Object.keys(shares).map((name) => [name, name === "busy" ? 1 : 0]),
    ) as Report["shares"];
    expect(explain({ ...report, shares: even }).join("\n")).toContain("It would be");
    for (const [cause, word] of Object.entries({
      startUp: "start-up:",
      serial: "serial:",
      waiting: "waiting for data:",
      stragglers: "stragglers:",
      retries: "came to nothing",
      idle: "idle:",
    })) {
      expect(explain({ ...report, shares: { ...even, [cause]: 0.5 } }).at(-1)).toContain(word);
    }
  });
});

describe("the laws of speed-up", () => {
  it("agree with their authors' figures and with each other", () => {
    expect(amdahl(0.05, Infinity)).toBeCloseTo(20, 9);
    expect(amdahl(0.1, 10)).toBeCloseTo(5.263, 3);
    expect(amdahl(0, 8)).toBe(8);
    // Karp-Flatt undoes Amdahl.
    for (const f of [0.01, 0.2, 0.9]) expect(karpFlatt(amdahl(f, 16), 16)).toBeCloseTo(f, 9);
    expect(karpFlatt(1, 1)).toBeNull();
    expect(karpFlatt(0, 4)).toBeNull();
    expect(scheduleBounds(100, 30, 2)).toEqual({ least: 50, most: 65 });
    expect(scheduleBounds(100, 60, 4)).toEqual({ least: 60, most: 70 });
  });
});

describe("reportJson", () => {
  it("has every field of a report, and nothing else", () => {
    const rounded = reportJson({ ...report, leak: 1 } as Report);
    expect(Object.keys(rounded)).toEqual(Object.keys(report));
    expect(Object.keys(rounded.stages[0]!)).toEqual(Object.keys(stage));
    expect(JSON.parse(JSON.stringify(rounded))).toEqual(rounded);
    expect(rounded).toMatchObject({ wallMs: 3420, lost: report.lost, speedup: 1.7544 });
  });
});
