import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { livenessOf, thisProcess } from "./process.ts";
import { openState, stateFormat } from "./version.ts";

let state: string;

beforeEach(() => {
  state = realpathSync(mkdtempSync(join(tmpdir(), "shoal-state-")));
});

afterEach(() => {
  rmSync(state, { recursive: true, force: true });
});

describe("the version of the state", () => {
  const write = (text: string): void => writeFileSync(join(state, "version.json"), text);

  it("is written where there is none, of an older version too, and then is accepted", async () => {
    await openState(join(state, "new/state"));
    expect(existsSync(join(state, "new/state/version.json"))).toBe(true);
    write('{"format":0}');
    await openState(state);
    await openState(state);
    expect(readdirSync(state).sort()).toEqual(["new", "version.json"]);
  });

  it("of the first version loses the files of its runs, which are nobody's any more", async () => {
    write('{"format":1}');
    mkdirSync(join(state, "runs/j1/blocks"), { recursive: true });
    await openState(state);
    expect(readdirSync(state)).toEqual(["version.json"]);
  });

  it("is refused when it is newer, with both versions, and is left as it is", async () => {
    write(`{"format":${stateFormat + 1}}`);
    await expect(openState(state)).rejects.toMatchObject({
      code: "STATE_NEWER",
      details: { found: stateFormat + 1, known: stateFormat },
    });
    expect(readdirSync(state)).toEqual(["version.json"]);
  });

  it.each(["", "{", "null", "[]", '{"format":"1"}', '{"format":-1}', '{"format":1.5}'])(
    "is refused when it is damaged: %j",
    async (text) => {
      write(text);
      await expect(openState(state)).rejects.toMatchObject({
        code: "SCRATCH_FAILED",
        message: expect.stringContaining("version.json"),
      });
    },
  );
});

describe("a process", () => {
  it("is alive, dead or unknown", () => {
    expect(livenessOf(thisProcess())).toBe("alive");
    expect(livenessOf({ ...thisProcess(), started: null })).toBe("alive");
    expect(livenessOf({ ...thisProcess(), started: "1" })).toBe("dead");
    expect(livenessOf({ ...thisProcess(), boot: "earlier" })).toBe("dead");
    expect(livenessOf({ ...thisProcess(), pid: 2 ** 22 + 1 })).toBe("dead");
    expect(livenessOf({ ...thisProcess(), host: "elsewhere.invalid" })).toBe("unknown");
  });
});
