// map() with `resume`: whatever ended the program, what was done is not done again, unless it has changed.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Project } from "../../../test/e2e/harness.ts";
import { shoal as built } from "../../../test/kit/built.ts";
import { until } from "../../../test/kit/processes.ts";
import type { Inputs } from "./item-source.ts";
import type { MapOptions } from "./map.ts";

interface Item {
  readonly n: number;
  readonly text?: string;
}
type Work = { work(item: Item): string };

/** Says what it does; in a slot with STUCK it waits for ever from item 20 on. */
const work = (mark: string): string => `import { appendFileSync } from "node:fs";
import { marked } from "./marked.ts";
export async function work({ n, text }) {
  appendFileSync(new URL("./done", import.meta.url), n + "\\n");
  if (text === "fails" && process.env.FAILS === "1") throw new Error("item " + n);
  if (n >= 20 && process.env.STUCK === "1") await new Promise((resolve) => setInterval(resolve, 1e9));
  return marked(n, text);
}
export const unused = ${mark};
`;
const marked = (mark: string): string => `export const marked = (n, text) => "${mark}" + n + (text ?? "");\n`;

const program = `import { connect } from "shoal";
const shoal = await connect({ slots: 2 });
const { work } = shoal.use(new URL("./work.ts", import.meta.url));
const items = Array.from({ length: 40 }, (_, n) => ({ n }));
try {
  const onNote = (line) => console.error("note: " + line);
  for await (const result of shoal.map(work, items, { resume: "numbers", batch: 2, onNote })) console.log(result);
} catch (error) {
  console.error("error: " + error.code);
}
await shoal.close();
`;

let project: Project;
beforeEach(() => {
  project = new Project({ "program.mjs": program, "work.ts": work("1"), "marked.ts": marked("r") });
});
afterEach(() => project[Symbol.dispose]());

/** The program, as a process; `lines`: what it has printed. */
function run(env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ["program.mjs"], {
    cwd: project.dir,
    env: { ...process.env, ...env },
  });
  const said = { lines: [] as string[], notes: "" };
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    said.lines = stdout.split("\n").slice(0, -1);
  });
  child.stderr.on("data", (chunk: Buffer) => (said.notes += chunk.toString()));
  const ended = new Promise<number | string | null>((resolve) =>
    child.on("close", (code, signal) => resolve(code ?? signal)),
  );
  return { child, said, ended };
}

/** How often each item was done. */
function doneTimes(): Map<number, number> {
  const times = new Map<number, number>();
  if (!existsSync(project.at("done"))) return times;
  for (const line of project.read("done").split("\n").slice(0, -1))
    times.set(Number(line), (times.get(Number(line)) ?? 0) + 1);
  return times;
}

const expected = Array.from({ length: 40 }, (_, n) => `r${n}`);
const items = (count: number, texts: Readonly<Record<number, string>> = {}): Item[] =>
  Array.from({ length: count }, (_, n) => (texts[n] === undefined ? { n } : { n, text: texts[n] }));

/** A map in a connection of its own, in this process; read to its end, or `most` results. */
async function mapHere(inputs: Inputs<Item>, options: MapOptions = {}, most = Infinity) {
  const notes: string[] = [];
  const shoal = await built.connect({ slots: 2, directory: project.dir });
  try {
    const fns = shoal.use<Work>(project.at("work.ts"));
    const got: unknown[] = [];
    const onNote = (line: string): void => void notes.push(line);
    for await (const result of shoal.map(fns.work, inputs, {
      resume: "numbers",
      batch: 2,
      onNote,
      ...options,
    })) {
      got.push(result);
      if (got.length === most) break;
    }
    return { got, notes };
  } finally {
    await shoal.close();
  }
}

test("kill -9 in the middle, and again: items that were done are not done again", async () => {
  const first = run({ STUCK: "1" });
  await until("half is done", () => first.said.lines.length >= 20);
  first.child.kill("SIGKILL");
  expect(await first.ended).toBe("SIGKILL");
  const before = doneTimes();

  const second = run();
  expect(await second.ended).toBe(0);
  expect(second.said.lines).toEqual(expected);
  expect(second.said.notes).toMatch(/^note: numbers: \d+ items were done before, and are kept\n$/);
  const after = doneTimes();
  for (let n = 0; n < 40; n++) {
    // The last batch before the kill may not have been written yet.
    if (n < 18) expect(after.get(n), `item ${n}`).toBe(1);
    else expect(after.get(n)! - (before.get(n) ?? 0), `item ${n}`).toBeLessThanOrEqual(1);
  }

  // It has ended: the next one begins anew, and leaves nothing.
  const third = run();
  expect(await third.ended).toBe(0);
  expect(third.said).toEqual({ lines: expected, notes: "" });
  expect(doneTimes().get(0)).toBe(2);
  expect(existsSync(project.at(".shoal/maps/numbers/journal"))).toBe(false);
});

test("two programs at once: the second is told, the first goes on", async () => {
  const first = run({ STUCK: "1" });
  await until("it runs", () => first.said.lines.length > 0);
  const second = run();
  expect(await second.ended).toBe(0);
  expect(second.said).toEqual({ lines: [], notes: "error: STATE_LOCKED\n" });
  await until("the first goes on", () => first.said.lines.length >= 20);
  first.child.kill("SIGKILL");
  await first.ended;
  // A lock whose holder is dead is none.
  expect((await mapHere(items(40))).got).toEqual(expected);
});

test("who leaves early goes on there; an item that has changed is done again, and no other", async () => {
  const { got } = await mapHere(items(40), {}, 10);
  expect(got).toEqual(expected.slice(0, 10));
  const before = doneTimes();
  const changed = await mapHere(items(40, { 3: "!" }));
  expect(changed.got).toEqual(expected.with(3, "r3!"));
  const after = doneTimes();
  for (let n = 0; n < 10; n++) expect(after.get(n)! - before.get(n)!, `item ${n}`).toBe(n === 3 ? 1 : 0);
});

test("a function that has changed starts anew, also when the change is in what it imports", async () => {
  await mapHere(items(40), {}, 10);
  project.write("marked.ts", marked("R"));
  const { got, notes } = await mapHere(items(40));
  expect(got).toEqual(Array.from({ length: 40 }, (_, n) => `R${n}`));
  expect(notes).toEqual(["numbers: the function has changed: it starts anew"]);
  expect(doneTimes().get(0)).toBe(2);
});

test("what the function does not use may change", async () => {
  await mapHere(items(40), {}, 10);
  project.write("work.ts", work("2"));
  expect((await mapHere(items(40))).got).toEqual(expected);
  expect(doneTimes().get(0)).toBe(1);
});

test("items that failed are tried again", async () => {
  process.env["FAILS"] = "1";
  const texts = { 2: "fails", 7: "fails" };
  const first = await mapHere(items(12, texts), { onError: "skip" }, 9).finally(
    () => delete process.env["FAILS"],
  );
  expect(first.got).toEqual(["r0", "r1", "r3", "r4", "r5", "r6", "r8", "r9", "r10"]);
  const second = await mapHere(items(12, texts));
  expect(second.got).toEqual(
    [..."0123456789"].map((n) => `r${n}${["2", "7"].includes(n) ? "fails" : ""}`).concat("r10", "r11"),
  );
  const times = doneTimes();
  expect([times.get(1), times.get(2), times.get(7), times.get(8)]).toEqual([1, 2, 2, 1]);
});

test("two maps of one name in one program: the second is refused while the first is open", async () => {
  const shoal = await built.connect({ slots: 1, directory: project.dir });
  try {
    const { work } = shoal.use<Work>(project.at("work.ts"));
    const first = shoal.map(work, items(4), { resume: "one", batch: 1 });
    await first.next();
    await expect(shoal.map(work, items(4), { resume: "one" }).toArray()).rejects.toMatchObject({
      code: "STATE_LOCKED",
    });
    expect(await shoal.map(work, items(2), { resume: "two" }).toArray()).toEqual(["r0", "r1"]);
    await first.return();
    expect(await shoal.map(work, items(4), { resume: "one" }).toArray()).toEqual(["r0", "r1", "r2", "r3"]);
  } finally {
    await shoal.close();
  }
});

test("aborted by its signal, before or while it is opened: the lock is free afterwards", async () => {
  const shoal = await built.connect({ slots: 1, directory: project.dir });
  try {
    const { work } = shoal.use<Work>(project.at("work.ts"));
    const controller = new AbortController();
    const results = shoal.map(work, items(4), { resume: "one", signal: controller.signal });
    const next = results.next();
    controller.abort(new Error("no"));
    await expect(next).rejects.toThrow("no");
    for (;;) {
      // It may be opened in the moment after, and is closed then.
      try {
        expect(await shoal.map(work, items(2), { resume: "one" }).toArray()).toEqual(["r0", "r1"]);
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: "STATE_LOCKED" });
      }
    }
  } finally {
    await shoal.close();
  }
});
