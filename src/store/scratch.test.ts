import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { livenessOf, thisProcess } from "./process.ts";
import { blockFile, createScratch, resultFile, sweepScratch } from "./scratch.ts";
import { openState, stateFormat } from "./version.ts";

let state: string;

beforeEach(() => {
  state = realpathSync(mkdtempSync(join(tmpdir(), "shoal-state-")));
});

afterEach(() => {
  rmSync(state, { recursive: true, force: true });
});

describe("scratch", () => {
  it("has a place for every file of the run, and is gone afterwards", async () => {
    const scratch = await createScratch(state, "j1");
    writeFileSync(blockFile(scratch.directory, "t0.1"), "");
    writeFileSync(resultFile(scratch.directory, "t1.1"), "");
    expect(statSync(scratch.directory).mode & 0o777).toBe(0o700);
    await scratch.remove();
    await scratch.remove();
    expect(readdirSync(join(state, "runs"))).toEqual([]);
  });

  it("sweeps runs of processes that are gone, when a run begins, and no others", async () => {
    const runs = {
      gone: { ...thisProcess(), pid: spawnSync("true").pid, started: "1" },
      living: thisProcess(),
      far: { ...thisProcess(), host: "elsewhere.invalid" },
      half: "{",
    };
    for (const [run, owner] of Object.entries(runs)) {
      mkdirSync(join(state, "runs", run), { recursive: true });
      writeFileSync(
        join(state, "runs", run, "owner.json"),
        typeof owner === "string" ? owner : JSON.stringify(owner),
      );
      writeFileSync(join(state, "runs", run, "spill"), "");
    }
    mkdirSync(join(state, "runs/unborn"));
    mkdirSync(join(state, "runs/strange"));
    writeFileSync(join(state, "runs/strange/file"), "");
    const scratch = await createScratch(state, "j2");
    expect(readdirSync(join(state, "runs")).sort()).toEqual(["far", "j2", "living", "strange"]);
    expect(await sweepScratch(state)).toEqual([]);
    await scratch.remove();
  });

  it("says when it cannot be made", async () => {
    await createScratch(state, "j1");
    await expect(createScratch(state, "j1")).rejects.toMatchObject({
      code: "SCRATCH_FAILED",
      message: expect.stringContaining("j1"),
    });
    await expect(createScratch("/proc/shoal", "j1")).rejects.toMatchObject({ code: "SCRATCH_FAILED" });
    writeFileSync(join(state, "file"), "");
    await expect(createScratch(join(state, "file"), "j1")).rejects.toMatchObject({ code: "SCRATCH_FAILED" });
  });
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
