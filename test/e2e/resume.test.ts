// Kill anything, run the same command, it continues: real processes, real SIGKILL.

import { readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { checkFinishedOnce } from "../checkers/finished-once.ts";
import { readJournal } from "../../src/store/journal/read.ts";
import type { JournalRecord } from "../../src/protocol/journal.ts";
import { listJobs, type JobEntry } from "../../src/store/jobs.ts";
import { Project, type Result } from "./harness.ts";

/** Twelve lines, one task each; a task says its name when it begins, and one of them waits to be killed, if it is told. */
const wordcount = `import { job, read, taskContext } from "shoal";
import { existsSync } from "node:fs";
const wait = () => new Promise((resolve) => setTimeout(resolve, 60_000));
export default job({ input: "data/*.txt", output: "out", note: "" }, ({ input, output, note }) =>
  read.lines(input)
    .flatMap(async (line) => {
      console.error("map " + taskContext().task);
      if (existsSync("hang-map-" + taskContext().task)) await wait();
      if (note === "slow") await new Promise((resolve) => setTimeout(resolve, 50));
      return line.split(" ");
    })
    .countByValue()
    .map(async ([word, count]) => {
      if (existsSync("hang-reduce-" + taskContext().task)) await wait();
      return [word, count];
    })
    .write.tsv(output));
`;
const files = Object.fromEntries(
  Array.from({ length: 12 }, (_, i) => [
    `data/${String(i).padStart(2, "0")}.txt`,
    `a b${i} c${i % 3} d and some more words, so that it is long enough\n`,
  ]),
);
const fixed = ["--split-size", "100", "--partitions", "3", "--slots", "1"];
const command = ["run", "job.ts", ...fixed];

const project = (): Project => new Project({ "job.ts": wordcount, ...files });

async function only(dir: Project): Promise<JobEntry> {
  const entries = await listJobs(dir.at(".shoal"));
  expect(entries).toHaveLength(1);
  return entries[0]!;
}

async function journalOf(dir: Project): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const record of readJournal((await only(dir)).journal)) records.push(record);
  return records;
}

const mapsIn = ({ stderr }: Result): string[] =>
  [...stderr.matchAll(/map (t\d+)/g)].map((match) => match[1]!);

/** Runs the command until it says that it waits in the task, then kills it. */
async function killAt(dir: Project, hang: string, ...more: string[]): Promise<void> {
  dir.write(hang, "");
  const running = dir.start(...command, ...more);
  if (hang.startsWith("hang-map-")) await running.said(`map ${hang.slice("hang-map-".length)}`);
  else
    await until(async () =>
      (await journalOf(dir)).some(
        (record) =>
          record.kind === "entry" &&
          record.entry.body.kind === "AttemptStarted" &&
          record.entry.body.attempt === `${hang.slice("hang-reduce-".length)}.1`,
      ),
    );
  running.process.kill("SIGKILL");
  await running.ended;
  dir.remove(hang);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo().catch(() => false))) await new Promise((resolve) => setImmediate(resolve));
}

const cleanDigest = await (async () => {
  using dir = project();
  const { code } = await dir.shoal(...command);
  expect(code).toBe(0);
  return dir.digest("out");
})();

async function expectRight(dir: Project, result: Result): Promise<void> {
  expect(result.stderr).not.toContain("error");
  expect(result.code).toBe(0);
  expect(dir.digest("out")).toBe(cleanDigest);
  expect(dir.leftovers()).toEqual([]);
  const { violations, finished, isClosed } = await checkFinishedOnce((await only(dir)).journal);
  expect(violations).toEqual([]);
  expect(isClosed).toBe(true);
  expect(finished).toBe(15);
}

describe("kill -9, and the same command", () => {
  test.each(["t0", "t1", "t5", "t11"])(
    "in map task %s: what was finished before is not done again",
    async (task) => {
      using dir = project();
      await killAt(dir, `hang-map-${task}`);
      const result = await dir.shoal(...command);
      await expectRight(dir, result);
      const n = Number(task.slice(1));
      expect(mapsIn(result)).toEqual(Array.from({ length: 12 - n }, (_, i) => `t${n + i}`));
      if (n > 0)
        expect(result.stderr).toContain(`${n} of 15 tasks ${n === 1 ? "is" : "are"} finished already`);
    },
  );

  test("in a reduce task: no map is done again", async () => {
    using dir = project();
    await killAt(dir, "hang-reduce-t13");
    const result = await dir.shoal(...command);
    await expectRight(dir, result);
    expect(mapsIn(result)).toEqual([]);
    expect(result.stderr).toContain("13 of 15 tasks are finished already");
  });

  test("again and again: each time it goes on from where it was", async () => {
    using dir = project();
    for (const task of ["hang-map-t2", "hang-map-t2", "hang-map-t7", "hang-reduce-t12", "hang-reduce-t14"])
      await killAt(dir, task);
    const result = await dir.shoal(...command);
    await expectRight(dir, result);
    expect((await only(dir)).incarnation).toBe(6);
    const opened = (await journalOf(dir)).filter((record) => record.kind === "opened");
    expect(new Set(opened.map(({ run }) => run)).size).toBe(1);
  });

  test("with other slots and memory, too", async () => {
    using dir = project();
    await killAt(dir, "hang-map-t6");
    const result = await dir.shoal(
      "run",
      "job.ts",
      "--split-size",
      "100",
      "--partitions",
      "3",
      "--slots",
      "3",
      "--memory",
      "1m",
    );
    await expectRight(dir, result);
    expect(mapsIn(result)).toHaveLength(6);
  });

  test("a job that gives a value continues likewise", async () => {
    const collect = wordcount
      .replace(".write.tsv(output)", ".collect()")
      .replace('output: "out", ', "")
      .replace("{ input, output, note }", "{ input, note }");
    using dir = new Project({ "job.ts": collect, ...files });
    await killAt(dir, "hang-map-t8");
    const { code, stdout, stderr } = await dir.shoal(...command);
    expect(code).toBe(0);
    expect(stderr).toContain("8 of 15 tasks are finished already");
    const clean = new Project({ "job.ts": collect, ...files });
    expect(stdout).toBe((await clean.shoal(...command)).stdout);
    clean[Symbol.dispose]();
    expect(dir.leftovers()).toEqual([]);
  });

  test("a job that gives a value is another one with other parameters, and says so", async () => {
    const count = wordcount
      .replace(".write.tsv(output)", ".count()")
      .replace('output: "out", ', "")
      .replace("{ input, output, note }", "{ input, note }");
    using dir = new Project({ "job.ts": count, ...files });
    await killAt(dir, "hang-map-t8");
    const other = await dir.shoal(...command, "--note", "x");
    expect(other.stdout).toBe("27\n");
    expect(other.stderr).toMatch(
      /there is an unfinished run of .* ago with other parameters \(note was "", is "x"\)/,
    );
    expect(mapsIn(other)).toHaveLength(12);
    const same = await dir.shoal(...command);
    expect(same.stdout).toBe("27\n");
    expect(mapsIn(same)).toHaveLength(4);
    expect(dir.leftovers()).toEqual([]);
  });

  test("after success the next run begins anew", async () => {
    using dir = project();
    await dir.shoal(...command);
    const { run } = await only(dir);
    const again = await dir.shoal(...command);
    await expectRight(dir, again);
    expect(mapsIn(again)).toHaveLength(12);
    expect((await only(dir)).run).not.toBe(run);
    expect((await journalOf(dir)).filter(({ kind }) => kind === "opened")).toHaveLength(1);
  });
});

describe("an end that is no success", () => {
  test("Ctrl-C keeps what is finished, says so, and the same command goes on", async () => {
    using dir = project();
    dir.write("hang-map-t4", "");
    const running = dir.start(...command);
    await running.said("map t4");
    running.process.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("4 of 15 tasks are kept: the same command continues");
    expect(dir.list(".")).not.toContain("out");
    expect(dir.kept()).toEqual(["t0.1", "t1.1", "t2.1", "t3.1"]);
    expect(await only(dir)).toMatchObject({ state: "cancelled", kept: 4, tasks: 15 });
    dir.remove("hang-map-t4");
    const result = await dir.shoal(...command);
    await expectRight(dir, result);
    expect(mapsIn(result)).toHaveLength(8);
  });

  test("a failure keeps what is finished; the corrected program starts anew, and says why", async () => {
    using dir = project();
    dir.write(
      "job.ts",
      wordcount.replace(
        "return line.split",
        'if (line.includes("b9")) throw new Error("no b9 please");\n      return line.split',
      ),
    );
    const failed = await dir.shoal(...command);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("no b9 please");
    expect(failed.stderr).toContain("9 of 15 tasks are kept: the same command continues");
    const same = await dir.shoal(...command);
    expect(same.code).toBe(1);
    expect(mapsIn(same)).toEqual(["t9", "t9", "t9", "t9"]);
    dir.write("job.ts", wordcount);
    const result = await dir.shoal(...command);
    await expectRight(dir, result);
    expect(result.stderr).toMatch(
      /the program has changed since the unfinished run of .* ago: starts anew, without its 9 of 15 tasks/,
    );
    expect(mapsIn(result)).toHaveLength(12);
  });

  test("nothing finished: nothing is kept", async () => {
    using dir = project();
    dir.write("hang-map-t0", "");
    const running = dir.start(...command);
    await running.said("map t0");
    running.process.kill("SIGINT");
    const { stderr } = await running.ended;
    expect(stderr).toContain("nothing was written");
    expect(stderr).not.toContain("kept: the same");
    expect(dir.leftovers()).toEqual([]);
  });
});

describe("what has changed since", () => {
  test("a parameter: it starts anew, and says which", async () => {
    using dir = project();
    await killAt(dir, "hang-map-t6");
    const result = await dir.shoal(...command, "--note", "new");
    await expectRight(dir, result);
    expect(result.stderr).toContain('a parameter has changed (note was "", is "new")');
    expect(mapsIn(result)).toHaveLength(12);
  });

  test("a module that the program imports: it starts anew", async () => {
    using dir = new Project({
      "job.ts": wordcount
        .replace('line.split(" ")', "words(line)")
        .replace(/^/, 'import { words } from "./words.ts";\n'),
      "words.ts": 'export const words = (line: string): string[] => line.split(" ");\n',
      ...files,
    });
    await killAt(dir, "hang-map-t6");
    dir.write(
      "words.ts",
      'export const words = (line: string): string[] => line.split(" ").filter((word) => word !== "");\n',
    );
    const result = await dir.shoal(...command);
    await expectRight(dir, result);
    expect(result.stderr).toContain("the program has changed");
  });

  test("a file's content: only its map task is done again, and those that were not finished", async () => {
    using dir = project();
    await killAt(dir, "hang-reduce-t12");
    dir.write("data/05.txt", "a b5 c2 d and some other words, so that it is another file\n");
    const result = await dir.shoal(...command);
    expect(result.code).toBe(0);
    expect(mapsIn(result)).toEqual(["t5"]);
    expect(result.stderr).toContain(
      "the input has changed (1 of 12 splits is other than before: data/05.txt)",
    );
    expect(dir.output("out")).toContain("other\t1");
    expect(dir.leftovers()).toEqual([]);
    dir.write("data/05.txt", files["data/05.txt"]!);
    await expectRight(dir, await dir.shoal(...command));
  });

  test("a file more and a file less: the others have other numbers, and are kept", async () => {
    using dir = project();
    await killAt(dir, "hang-reduce-t12");
    dir.write("data/001.txt", "x y and some more words, so that it is long enough for a task of its own\n");
    dir.remove("data/07.txt");
    const result = await dir.shoal(...command);
    expect(result.code).toBe(0);
    expect(mapsIn(result)).toEqual(["t1"]);
    const output = dir.digest("out");
    const fresh = await dir.shoal(...command, "--fresh");
    expect(mapsIn(fresh)).toHaveLength(12);
    expect(dir.digest("out")).toBe(output);
    expect(dir.leftovers()).toEqual([]);
  });

  test("a map-only job keeps the parts of the splits that are as they were", async () => {
    const copy = `import { job, read, taskContext } from "shoal";
import { existsSync } from "node:fs";
export default job({ input: "data/*.txt", output: "out" }, ({ input, output }) => read.lines(input).map(async (line) => {
  console.error("map " + taskContext().task);
  if (existsSync("hang-map-" + taskContext().task)) await new Promise((resolve) => setTimeout(resolve, 60_000));
  return line;
}).write.text(output));
`;
    using dir = new Project({ "job.ts": copy, ...files });
    await killAt(dir, "hang-map-t9");
    dir.remove("data/03.txt");
    const result = await dir.shoal(...command);
    expect(result.code).toBe(0);
    expect(mapsIn(result)).toEqual(["t8", "t9", "t10"]);
    expect(dir.output("out")).toBe(
      Object.entries(files)
        .filter(([name]) => name !== "data/03.txt")
        .map(([, text]) => text)
        .join(""),
    );
    expect(dir.leftovers()).toEqual([]);
  });

  test("the number of partitions: it starts anew", async () => {
    using dir = project();
    await killAt(dir, "hang-map-t6");
    const result = await dir.shoal(
      "run",
      "job.ts",
      "--split-size",
      "100",
      "--partitions",
      "2",
      "--slots",
      "1",
    );
    expect(result.code).toBe(0);
    expect(result.stderr).toContain("the number of partitions has changed");
    expect(mapsIn(result)).toHaveLength(12);
  });

  test("files that were only touched have not changed, once the job has run long enough to look at them", async () => {
    using dir = project();
    dir.write("hang-map-t6", "");
    const running = dir.start(...command);
    await until(async () => (await journalOf(dir)).filter(({ kind }) => kind === "hashed").length === 12);
    await running.said("map t6");
    running.process.kill("SIGKILL");
    await running.ended;
    dir.remove("hang-map-t6");
    for (const name of Object.keys(files)) utimesSync(dir.at(name), new Date(), new Date(Date.now() + 5000));
    const result = await dir.shoal(...command);
    await expectRight(dir, result);
    expect(mapsIn(result)).toEqual(["t6", "t7", "t8", "t9", "t10", "t11"]);
    expect(result.stderr).toContain("6 of 15 tasks are finished already");
  });

  test("--fresh starts anew, whatever is there", async () => {
    using dir = project();
    await killAt(dir, "hang-map-t6");
    const result = await dir.shoal(...command, "--fresh");
    await expectRight(dir, result);
    expect(mapsIn(result)).toHaveLength(12);
  });
});

describe("what is not as it was left", () => {
  test("a block that is gone, one that is cut short, and one that is damaged are made again", async () => {
    using dir = project();
    await killAt(dir, "hang-reduce-t12");
    const { path: directory, run } = await only(dir);
    const blocks = path.join(directory, run, "blocks");
    dir.remove(path.relative(dir.dir, path.join(blocks, "t1.1")));
    truncateSync(path.join(blocks, "t4.1"), 10);
    const bytes = readFileSync(path.join(blocks, "t8.1"));
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path.join(blocks, "t8.1"), bytes);
    const result = await dir.shoal(...command);
    expect(result.code).toBe(0);
    expect(dir.digest("out")).toBe(cleanDigest);
    expect(mapsIn(result).sort()).toEqual(["t1", "t4", "t8"]);
    expect(result.stderr).toContain("the output of 2 finished tasks is not there any more, or not whole");
    expect(dir.leftovers()).toEqual([]);
  });

  test("a journal with a torn tail is repaired, and it says so", async () => {
    using dir = project();
    await killAt(dir, "hang-map-t6");
    const file = await journalFile(dir);
    truncateSync(file, statSync(file).size - 5);
    const result = await dir.shoal(...command);
    await expectRight(dir, result);
    expect(result.stderr).toContain("the end of the journal was cut off in a write");
  });

  test("a journal that is damaged in the middle is refused, with file and byte; --fresh goes on without it", async () => {
    using dir = project();
    await killAt(dir, "hang-map-t6");
    const file = await journalFile(dir);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 4;
    writeFileSync(file, bytes);
    const result = await dir.shoal(...command);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/JOURNAL_DAMAGED.*journal-000001\.log, byte \d+/);
    expect(result.stderr).toContain("--fresh");
    expect(readFileSync(file).equals(bytes)).toBe(true);
    await expectRight(dir, await dir.shoal(...command, "--fresh"));
  });

  test("a second process on the state directory is refused while the first goes on", async () => {
    using dir = project();
    await killAt(dir, "hang-map-t3");
    dir.write("hang-map-t5", "");
    const first = dir.start(...command);
    await first.said("map t5");
    const second = await dir.shoal(...command);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("STATE_LOCKED");
    expect(second.stderr).toContain(String(first.process.pid));
    first.process.kill("SIGKILL");
    await first.ended;
    dir.remove("hang-map-t5");
    await expectRight(dir, await dir.shoal(...command));
  });
});

async function journalFile(dir: Project): Promise<string> {
  const { journal } = await only(dir);
  return path.join(journal, readdirSync(journal)[0]!);
}

describe("killed before a change that it makes in the file system", () => {
  const crash = `--import=${new URL("../kit/crash-at.mjs", import.meta.url).href}`;
  const some = Object.fromEntries(Object.entries(files).slice(0, 4));
  const small = ["run", "job.ts", "--split-size", "100", "--partitions", "2", "--slots", "1"];
  /** Every third change in the usual run; all with SHOAL_THOROUGH=1. */
  const step = process.env["SHOAL_THOROUGH"] === "1" ? 1 : 3;

  test.each(["first", "second"])(
    "the same command ends it right, whatever was done by then: the %s half",
    async (half) => {
      using counted = new Project({ "job.ts": wordcount, ...some });
      await counted.startWith({ NODE_OPTIONS: crash, CRASH_LOG: counted.at("log") }, ...small).ended;
      const right = counted.digest("out");
      const changes = counted.read("log").trimEnd().split("\n").length + 3;
      expect(changes).toBeGreaterThan(50);
      const [from, to] = half === "first" ? [1, changes >> 1] : [(changes >> 1) + 1, changes];
      let [killed, tries] = [0, 0];
      for (let at = from; at <= to; at += step, tries++) {
        using dir = new Project({ "job.ts": wordcount, ...some });
        const first = await dir.startWith({ NODE_OPTIONS: crash, CRASH_AT: String(at) }, ...small).ended;
        if (first.signal !== null) killed++;
        const second = await dir.shoal(...small);
        expect(second.stderr, `change ${at}`).not.toContain("error");
        expect(second.code, `change ${at}`).toBe(0);
        expect(dir.digest("out"), `change ${at}`).toBe(right);
        expect(dir.leftovers(), `change ${at}`).toEqual([]);
        const { violations } = await checkFinishedOnce((await only(dir)).journal);
        expect(violations, `change ${at}`).toEqual([]);
      }
      // The last few changes may not come again: how many there are depends on the clock.
      expect(killed).toBeGreaterThan(tries / 2);
    },
    300_000,
  );
});

describe("a disk that fails under the journal", () => {
  const fail = `--import=${new URL("../kit/fail-at.mjs", import.meta.url).href}`;

  test.each([
    ["a sync", "fdatasync:1:EIO"],
    ["a write", "writeSync:8:ENOSPC"],
    ["a write, early", "writeSync:2:ENOSPC"],
  ])(
    "%s: the job fails and says so; nothing is published; the same command ends it",
    async (_what, failure) => {
      using dir = project();
      const { code, stderr } = await dir.startWith(
        { NODE_OPTIONS: fail, FAIL_AT: failure },
        ...command,
        "--note",
        "slow",
      ).ended;
      expect(stderr).toContain("JOURNAL_FAILED");
      expect(stderr).toContain(failure.split(":")[2]);
      expect(code).toBe(1);
      expect(dir.list(".")).not.toContain("out");
      await expectRight(dir, await dir.shoal(...command, "--note", "slow"));
    },
  );
});
