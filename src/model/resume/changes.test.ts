import { describe, expect, test } from "vitest";
import type { RunOpened } from "../../protocol/journal.ts";
import type { Past } from "../../protocol/past.ts";
import { changesSince, type Changes } from "./changes.ts";

const opened = (keys: readonly string[], more: Partial<RunOpened> = {}): RunOpened => ({
  kind: "opened",
  format: 1,
  run: "j1",
  incarnation: 1,
  at: 0,
  clock: 0,
  pid: 1,
  job: "job",
  file: "job.ts",
  directory: "/d",
  parameters: { limit: 3 },
  program: "p",
  fingerprint: "f",
  version: "1",
  slots: 1,
  memoryBytes: 1,
  stages: [
    { name: "map", tasks: keys.length, reads: [], output: "blocks", inputBytes: 1 },
    { name: "reduce", tasks: 2, reads: [0], output: "kept", inputBytes: null },
  ],
  splits: keys.map((key) => ({ label: `file ${key}`, key })),
  inputFiles: 1,
  inputBytes: 1,
  output: "/d/out",
  ...more,
});
const past = (then: RunOpened, hashes: readonly (readonly [number, string])[] = []): Past => ({
  opened: then,
  finished: new Map(),
  used: new Map(),
  hashes: new Map(hashes),
  closed: null,
  lastEntry: 0,
});
const keptOf = (changes: Changes): unknown => (changes.kind === "input" ? [...changes.kept] : changes.kind);

describe("what has changed", () => {
  const then = opened(["a", "b", "c"]);

  test("nothing: also with other slots, memory and splits of equal content", () => {
    expect(
      changesSince(
        past(then),
        opened(["a", "b", "c"], { slots: 8, memoryBytes: 9, at: 5, pid: 7 }),
        new Map(),
      ),
    ).toEqual({ kind: "none" });
    expect(changesSince(past(opened(["a", "a"])), opened(["a", "a"]), new Map())).toEqual({ kind: "none" });
  });

  test.each([
    ["the program has changed", { program: "other" }],
    ["the program has changed", { fingerprint: "other" }],
    ["shoal has another version", { version: "2" }],
    ["a parameter has changed (limit was 3, is 5)", { parameters: { limit: 5 } }],
    [
      'parameters have changed (limit was 3, is not there; word was not there, is "x")',
      { parameters: { word: "x" } },
    ],
    ["the number of partitions has changed", { stages: [then.stages[0]!, { ...then.stages[1]!, tasks: 3 }] }],
  ] as const)("%s: nothing is kept", (note, more) => {
    expect(changesSince(past(then), opened(["a", "b", "c"], more), new Map())).toEqual({ kind: "all", note });
  });

  test("many parameters, long ones: the note stays short", () => {
    const parameters = (x: string): RunOpened["parameters"] =>
      Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`p${i}`, x.repeat(500)]));
    const changes = changesSince(
      past(opened(["a"], { parameters: parameters("x") })),
      opened(["a"], { parameters: parameters("y") }),
      new Map(),
    );
    expect(changes).toMatchObject({ kind: "all", note: expect.stringContaining("; 6 more)") });
    expect((changes as { note: string }).note.length).toBeLessThan(400);
  });

  test.each([
    [
      "a split changed",
      ["a", "x", "c"],
      [
        [0, 0],
        [2, 2],
      ],
      "1 of 3 splits is other than before: file x",
    ],
    [
      "one more in front",
      ["x", "a", "b", "c"],
      [
        [1, 0],
        [2, 1],
        [3, 2],
      ],
      "1 of 4 splits is other than before: file x",
    ],
    [
      "one less",
      ["a", "c"],
      [
        [0, 0],
        [1, 2],
      ],
      "1 split is gone",
    ],
    [
      "another order",
      ["c", "a", "b"],
      [
        [0, 2],
        [1, 0],
        [2, 1],
      ],
      "its order is another",
    ],
    [
      "all changed",
      ["x", "y", "z", "w"],
      [],
      "4 of 4 splits are other than before: file x, file y, file z and 1 more",
    ],
    [
      "the same twice",
      ["a", "a", "b"],
      [
        [0, 0],
        [2, 1],
      ],
      "1 of 3 splits is other than before: file a",
    ],
  ] as const)("%s: map tasks of the others are kept", (_what, keys, kept, note) => {
    const changes = changesSince(past(then), opened(keys), new Map());
    expect(keptOf(changes)).toEqual(kept);
    expect(changes).toMatchObject({ note: `the input has changed (${note})` });
  });

  test("files that were only touched: contents tell", () => {
    const before = past(then, [
      [0, "A"],
      [1, "B"],
    ]);
    expect(changesSince(before, opened(["x", "b", "c"]), new Map([[0, "A"]]))).toEqual({ kind: "none" });
    expect(keptOf(changesSince(before, opened(["x", "b", "c"]), new Map([[0, "other"]])))).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(
      keptOf(
        changesSince(
          before,
          opened(["x", "y", "c"]),
          new Map([
            [0, "B"],
            [1, "A"],
          ]),
        ),
      ),
    ).toEqual([
      [2, 2],
      [0, 1],
      [1, 0],
    ]);
  });

  test("input that changes the number of partitions: nothing is kept, and both are said", () => {
    const now = opened(["a", "b", "x"], { stages: [then.stages[0]!, { ...then.stages[1]!, tasks: 3 }] });
    expect(changesSince(past(then), now, new Map())).toEqual({
      kind: "all",
      note: "the input has changed, and with it the number of partitions",
    });
  });

  test("splits that are too many to be told apart are never taken for the same", () => {
    const many = { ...then, splits: [] };
    expect(keptOf(changesSince(past(many), many, new Map()))).toEqual([]);
  });
});
