// Golden dialogues: each text file here is replayed, and must come out as it is written. A stranger learns the
// scheduling rules from them. After a change that is meant: SHOAL_REWRITE=1 npx vitest run test/golden, then read the
// difference like code.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CallsScene } from "./calls-scene.ts";
import { parseCommand, replay } from "./dialogue.ts";
import { LeasesScene } from "./leases-scene.ts";
import { Scene } from "./scene.ts";

const here = new URL("./", import.meta.url);
const isRewriting = process.env["SHOAL_REWRITE"] === "1";
const files = readdirSync(here)
  .filter((name) => name.endsWith(".txt"))
  .sort();

test.each(files)("%s", (name) => {
  const file = new URL(name, here);
  const written = readFileSync(file, "utf8");
  const newScene = (): Scene | CallsScene | LeasesScene => {
    if (name.startsWith("calls-")) return new CallsScene();
    return name.startsWith("leases-") ? new LeasesScene() : new Scene();
  };
  let scene = newScene();
  const played = replay(written, (command) => {
    if (command.name !== "begin") return scene.run(command);
    scene = newScene();
    return ["(a new scene)"];
  });
  if (isRewriting) writeFileSync(file, played);
  else expect(played).toBe(written);
});

test("the dialogues asked for are there", () => {
  expect(files.length).toBeGreaterThanOrEqual(12);
});

test("a trace that is not what happened is found", () => {
  const text = "limits\n----\nsomething else\n";
  expect(replay(text, () => ["what happened"])).toBe("limits\n----\nwhat happened\n");
});

test("a dialogue is replayed as it is, but for its traces", () => {
  const text = "# comment\n\none (x) key=(a b)\ninput\n----\nold\nolder\n\n# more\ntwo\n----\nnothing\n";
  const asked: string[] = [];
  const replayed = replay(text, ({ name, input }) => [`${asked.push(name)} ${input.join()}`]);
  expect(replayed).toBe("# comment\n\none (x) key=(a b)\ninput\n----\n1 input\n\n# more\ntwo\n----\n2 \n");
  expect(asked).toEqual(["one", "two"]);
});

test("a command's words and options", () => {
  const { words, options } = parseCommand(
    'script t0.1 error="no such thing" lost=(t1.1 t2.1) takes=5s final',
  );
  expect(words).toEqual(["t0.1", "final"]);
  expect([...options]).toEqual([
    ["error", "no such thing"],
    ["lost", "t1.1 t2.1"],
    ["takes", "5s"],
  ]);
});

test("a command without its ---- is refused", () => {
  expect(() => replay("one\n\ntwo\n----\n", () => [])).toThrow(/no ---- follows the command "one"/);
});
