// Draining, closing, and programs that end by themselves.

import { spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { collect, moduleUrl, rejection, type Module, type World } from "./world.ts";

const root = path.resolve(import.meta.dirname, "../../..");

export function lifetime(world: World): void {
  const { it } = world;

  it("drain: no new calls, those that are there end; it says how many", async () => {
    const shoal = await world.connect({ slots: 1 });
    const { waits, echo } = shoal.use<Module>(moduleUrl);
    const [gate, log] = [world.gate(), world.log()];
    const running = waits(gate.file, log.file, "ran");
    await log.has(1);
    const waiting = [echo(1), echo(2)];
    const drained = shoal.drain();
    expect(await rejection(echo(3))).toMatchObject({ code: "DRAINING", definite: true });
    gate.open();
    expect(await drained).toEqual({ ended: 3, cancelled: 0 });
    expect(await Promise.all([running, ...waiting])).toEqual(["ran", 1, 2]);
    expect(await rejection(echo(4))).toMatchObject({ code: "DRAINING" });
  });

  it("drain with a deadline cancels what has not ended by then", async () => {
    const shoal = await world.connect({ slots: 1 });
    const { waitsForAbort, echo } = shoal.use<Module>(moduleUrl);
    const log = world.log();
    const calls = [waitsForAbort(log.file)];
    await log.has(1);
    const errors = [...calls, echo(1)].map(rejection);
    expect(await shoal.drain({ deadlineMs: 50 })).toEqual({ ended: 0, cancelled: 2 });
    for (const error of await Promise.all(errors)) expect(error).toMatchObject({ code: "CANCELLED" });
    expect(log.lines).toEqual(["begun", "aborted: CANCELLED"]);
  });

  it("drain of nothing is over at once", async () => {
    const shoal = await world.connect({ slots: 1 });
    expect(await shoal.drain()).toEqual({ ended: 0, cancelled: 0 });
  });

  it("close rejects what runs, what waits and what streams with CLOSED", async () => {
    const shoal = await world.connect({ slots: 1 });
    const { waits, echo, count } = shoal.use<Module>(moduleUrl);
    const log = world.log();
    const stream = count(1000);
    await stream.next();
    const calls = [waits("/nowhere/ever", log.file, "runs"), echo(1)].map(rejection);
    await log.has(1);
    await Promise.all([shoal.close(), shoal.close()]);
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "CLOSED" });
    expect(await rejection(collect(stream))).toMatchObject({ code: "CLOSED" });
    expect(await rejection(echo(1))).toMatchObject({ code: "CLOSED" });
  });

  it("close ends a drain that waits: what is left counts as cancelled", async () => {
    const shoal = await world.connect({ slots: 1 });
    const { waits, echo } = shoal.use<Module>(moduleUrl);
    const log = world.log();
    const calls = [waits("/nowhere/ever", log.file, "runs"), echo(1)].map(rejection);
    await log.has(1);
    const drained = shoal.drain();
    await shoal.close();
    expect(await drained).toEqual({ ended: 0, cancelled: 2 });
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "CLOSED" });
  });

  const head = `import { connect } from "shoal";
const options = JSON.parse(process.argv[2]);
const shoal = await connect({ slots: 2, ...options });
const { echo, waits, count, says } = shoal.use(${JSON.stringify(moduleUrl.href)});
`;
  const programs: readonly [what: string, code: string, printed: string][] = [
    ["calls nothing", `console.log("done");`, "done\n"],
    [
      "forgets to close",
      `console.log(await echo(1));\nsetTimeout(() => console.log("timer"), 1);`,
      "1\ntimer\n",
    ],
    ["awaits a call", `await waits(process.argv[3], process.argv[4], "x").then(console.log);`, "x\n"],
    ["leaves calls to themselves", `void says(process.argv[4], "ended").then(console.log);`, "ended\n"],
    [
      "leaves streams unread and half read",
      `const unread = count(10);\nconst half = count(1000);\nconsole.log((await half.next()).value);`,
      "0\n",
    ],
    ["closes", `console.log(await echo("closed"));\nawait shoal.close();`, "closed\n"],
  ];

  it("nothing keeps a program alive but its calls, and they do", async () => {
    const dir = path.join(world.dir, "program");
    mkdirSync(path.join(dir, "node_modules"), { recursive: true });
    symlinkSync(root, path.join(dir, "node_modules/shoal"));
    const ran = await Promise.all(
      programs.map(async ([, code], n) => {
        const gate = world.gate();
        const log = world.log();
        const options = { ...world.variant.options, stateDir: path.join(world.dir, "state") };
        writeFileSync(path.join(dir, `${n}.mjs`), head + code);
        const child = spawn(process.execPath, [`${n}.mjs`, JSON.stringify(options), gate.file, log.file], {
          cwd: dir,
        });
        let [stdout, stderr] = ["", ""];
        child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
        child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
        const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
        if (code.includes("waits(")) {
          await log.has(1);
          gate.open();
        }
        return { code: await ended, stdout, stderr };
      }),
    );
    for (const [n, [what, , printed]] of programs.entries())
      expect(ran[n], what).toEqual({ code: 0, stdout: printed, stderr: "" });
  });
}
