import { spawn, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { draftName, lockState } from "./lock.ts";
import { thisProcess } from "./process.ts";

let state: string;

beforeEach(() => {
  state = realpathSync(mkdtempSync(join(tmpdir(), "shoal-lock-")));
});

afterEach(() => {
  rmSync(state, { recursive: true, force: true });
});

const files = (): string[] => readdirSync(join(state, "lock")).sort();

const hold = (n: number, holder: object): void => {
  mkdirSync(join(state, "lock"), { recursive: true });
  writeFileSync(join(state, `lock/${n}.json`), JSON.stringify(holder));
};

const deadHolder = (): object => ({ ...thisProcess(), pid: spawnSync("true").pid, started: "1" });

describe("lockState", () => {
  it("lets one in, names it to the second, and lets the next in after the release", async () => {
    const lock = await lockState(join(state, "deep/er"));
    await expect(lockState(join(state, "deep/er"))).rejects.toMatchObject({
      code: "STATE_LOCKED",
      message: expect.stringContaining(`process ${process.pid} since 20`),
      details: { pid: process.pid },
    });
    await lock.release();
    await lock.release();
    const next = await lockState(join(state, "deep/er"));
    await expect(lockState(join(state, "deep/er"))).rejects.toMatchObject({ code: "STATE_LOCKED" });
    await next.release();
    expect(readdirSync(join(state, "deep/er/lock"))).toEqual(["2.json"]);
  });

  it("sweeps the draft of a process that was killed before it had written it, and no other's", async () => {
    mkdirSync(join(state, "lock"), { recursive: true });
    const alive = draftName(process.pid, 1000);
    const elsewhere = draftName(spawnSync("true").pid, 1).replace(/[0-9a-f]+$/, "0123456789ab");
    for (const name of [draftName(spawnSync("true").pid, 1), alive, elsewhere])
      writeFileSync(join(state, "lock", name), "");
    await (await lockState(state)).release();
    expect(files()).toEqual(["1.json", alive, elsewhere].sort());
  });

  it.each<[string, () => object]>([
    ["of a process that is gone", deadHolder],
    ["of a process whose pid another has now", () => ({ ...thisProcess(), started: "1" })],
    ["of an earlier boot", () => ({ ...thisProcess(), boot: "earlier" })],
    ["that is damaged", () => [1]],
  ])("takes over a lock %s", async (_name, holder) => {
    hold(7, holder());
    const lock = await lockState(state);
    expect(files()).toEqual(["8.json"]);
    await lock.release();
  });

  it("leaves a lock of another machine alone, and says what to do", async () => {
    hold(1, { ...thisProcess(), host: "elsewhere.invalid" });
    await expect(lockState(state)).rejects.toMatchObject({
      code: "STATE_LOCKED",
      message: expect.stringContaining("elsewhere.invalid"),
      hint: expect.stringContaining("1.json"),
    });
    expect(files()).toEqual(["1.json"]);
  });

  it("cannot be taken with a number that was cleaned away", async () => {
    // one who looked when 1 was the highest comes back when 5 is: it makes file 2, sees 5, and gives 2 up
    hold(5, thisProcess());
    writeFileSync(join(state, "lock/2.json"), "{}");
    await expect(lockState(state)).rejects.toMatchObject({ code: "STATE_LOCKED" });
    rmSync(join(state, "lock/5.json"));
    await (await lockState(state)).release();
    expect(files()).toEqual(["3.json"]);
  });

  it("says when the state directory cannot be made", async () => {
    writeFileSync(join(state, "file"), "");
    await expect(lockState(join(state, "file/state"))).rejects.toMatchObject({ code: "SCRATCH_FAILED" });
  });

  it("never lets two in: eight processes take it again and again, and some die with it in their hands", async () => {
    const { build } = await import("esbuild");
    const bundle = join(state, "lock.mjs");
    await build({
      entryPoints: [join(import.meta.dirname, "lock.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: bundle,
      logLevel: "silent",
    });
    const script = `
      import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
      const { lockState } = await import(${JSON.stringify(bundle)});
      const [, state, dies] = process.argv;
      const inside = state + "/inside";
      const isAlive = (pid) => {
        try { return !/^\\S+ \\(.*\\) Z/.test(readFileSync("/proc/" + pid + "/stat", "utf8")); } catch { return false; }
      };
      for (let taken = 0; taken < 15;) {
        let lock;
        try { lock = await lockState(state); } catch (error) { if (error.code === "STATE_LOCKED") continue; throw error; }
        try { writeFileSync(inside, String(process.pid), { flag: "wx" }); } catch {
          const other = Number(readFileSync(inside, "utf8"));
          if (isAlive(other)) { appendFileSync(state + "/violations", process.pid + " met " + other + "\\n"); }
          writeFileSync(inside, String(process.pid));
        }
        appendFileSync(state + "/log", process.pid + "\\n");
        if (++taken === 8 && dies === "yes") process.kill(process.pid, "SIGKILL");
        if (readFileSync(inside, "utf8") !== String(process.pid)) appendFileSync(state + "/violations", "robbed\\n");
        rmSync(inside);
        await lock.release();
      }`;
    const runs = Array.from({ length: 8 }, (_, i) => {
      const child = spawn(
        process.execPath,
        ["--input-type=module", "-e", script, state, i % 2 === 0 ? "yes" : "no"],
        { stdio: ["ignore", "inherit", "inherit"] },
      );
      return new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
    });
    expect(await Promise.all(runs)).toEqual(["SIGKILL", 0, "SIGKILL", 0, "SIGKILL", 0, "SIGKILL", 0]);
    expect(readdirSync(state)).not.toContain("violations");
    expect(readFileSync(join(state, "log"), "utf8").split("\n")).toHaveLength(4 * 15 + 4 * 8 + 1);
    expect(files().filter((name) => name.endsWith(".json"))).toHaveLength(1);
  });
});
