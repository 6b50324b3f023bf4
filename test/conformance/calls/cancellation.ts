// Cancel what waits, abort what runs, and what becomes of the slots of functions that do not listen.

import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { move } from "../../../src/data/calls/moved.ts";
import type { Shoal } from "../../../src/model/shoal.ts";
import type { Remote } from "../../../src/model/calls/remote.ts";
import { until } from "../../kit/processes.ts";
import { moduleUrl, rejection, type Log, type Module, type World } from "./world.ts";

export function cancellation(world: World): void {
  const { it } = world;

  /** One slot that is busy until `open` is called. */
  async function busy(): Promise<{ fns: Remote<Module>; open(): Promise<void> }> {
    const fns = await world.alone();
    const [gate, log] = [world.gate(), world.log()];
    const call = fns.waits(gate.file, log.file, "runs");
    await log.has(1);
    return {
      fns,
      async open() {
        gate.open();
        await call;
      },
    };
  }

  let patience: Promise<Shoal> | null = null;
  /** One slot that is given all the time there is to end what is aborted, on a machine under load too. */
  async function patient(): Promise<Remote<Module>> {
    patience ??= world.connect({ slots: 1, abortGraceMs: 60_000 });
    return (await patience).use<Module>(moduleUrl);
  }

  /** A call that runs when its deadline passes: a machine under load may begin it too late, then a longer one is tried. */
  async function intoDeadline(
    call: (log: string, deadlineMs: number) => Promise<unknown>,
  ): Promise<{ log: Log; rejected: Promise<any>; deadlineMs: number }> {
    for (let deadlineMs = 50; ; deadlineMs *= 2) {
      const log = world.log();
      let isOver = false;
      const rejected = rejection(call(log.file, deadlineMs)).finally(() => (isOver = true));
      await until("the call begins, or is over", () => isOver || log.lines.length > 0);
      if (log.lines.length > 0) return { log, rejected, deadlineMs };
    }
  }

  it("aborting a call that waits ends it at once, and it certainly never runs", async () => {
    const { fns, open } = await busy();
    const log = world.log();
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const calls = controllers.map(({ signal }, n) => fns.says.with({ signal })(log.file, `${n}`));
    const reasons = [0, 1, 3].map((n) => {
      const reason = new Error(`no ${n}`);
      controllers[n]!.abort(reason);
      return reason;
    });
    expect(await Promise.all([0, 1, 3].map((n) => rejection(calls[n]!)))).toEqual(reasons);
    await open();
    expect(await Promise.all([calls[2], calls[4]])).toEqual(["2", "4"]);
    expect(await fns.echo("all before have run")).toBe("all before have run");
    expect(log.lines).toEqual(["2", "4"]);
  });

  it("a signal that is aborted already: nothing is sent", async () => {
    const log = world.log();
    const signal = AbortSignal.abort(new Error("before"));
    expect((await rejection(world.fns.says.with({ signal })(log.file, "x"))).message).toBe("before");
    await world.fns.echo(1);
    expect(log.lines).toEqual([]);
  });

  it("aborting while the module is being bundled: at once, and nothing runs", async () => {
    const module = `${world.file()}.ts`;
    const log = world.log();
    const text = "import { appendFileSync } from 'node:fs';\n";
    writeFileSync(
      module,
      `${text}export const f = (): void => appendFileSync(${JSON.stringify(log.file)}, "x");`,
    );
    const { f } = world.shoal.use<{ f(): void }>(module);
    const controller = new AbortController();
    const first = f.with({ signal: controller.signal })();
    const stream = (f.with({ signal: controller.signal })() as unknown as AsyncIterable<unknown>)
      [Symbol.asyncIterator]()
      .next();
    controller.abort(new Error("too slow"));
    expect((await rejection(first)).message).toBe("too slow");
    expect((await rejection(stream)).message).toBe("too slow");
    await f();
    expect(readFileSync(log.file, "utf8")).toBe("x");
  });

  it("aborting a call while its module is loaded in the slot: it never runs, and the slot goes on", async () => {
    const fns = await patient();
    const { slot } = await fns.contextOf();
    const module = `${world.file()}.ts`;
    const [gate, log] = [world.gate(), world.log()];
    writeFileSync(
      module,
      `import { appendFileSync, existsSync } from "node:fs";
       appendFileSync(${JSON.stringify(log.file)}, "loading\\n");
       while (!existsSync(${JSON.stringify(gate.file)})) await new Promise((resolve) => setTimeout(resolve, 5));
       export const f = (): void => appendFileSync(${JSON.stringify(log.file)}, "ran\\n");`,
    );
    const { f } = (await patience!).use<{ f(): void }>(module);
    const controller = new AbortController();
    const call = f.with({ signal: controller.signal })();
    await log.has(1);
    controller.abort(new Error("too slow"));
    expect((await rejection(call)).message).toBe("too slow");
    expect((await fns.contextOf()).slot).toBe(slot);
    gate.open();
    await f();
    expect(log.lines).toEqual(["loading", "ran"]);
  });

  it("aborting a call that runs: it rejects at once, its signal tells it, and its slot goes on", async () => {
    const fns = await patient();
    const log = world.log();
    const { slot } = await fns.contextOf();
    const controller = new AbortController();
    const reason = { any: "value" };
    const call = fns.waitsForAbort.with({ signal: controller.signal })(log.file);
    await log.has(1);
    controller.abort(reason);
    expect(await rejection(call)).toBe(reason);
    await log.has(2);
    expect(log.lines).toEqual(["begun", "aborted: CANCELLED"]);
    expect((await fns.contextOf()).slot).toBe(slot);
  });

  it("a busy loop that looks at its signal, taken once, ends", async () => {
    const fns = await patient();
    const log = world.log();
    const { slot } = await fns.contextOf();
    const controller = new AbortController();
    const call = fns.computesUntilAbort.with({ signal: controller.signal })(log.file);
    await log.has(1);
    controller.abort();
    expect((await rejection(call)).name).toBe("AbortError");
    await log.has(2);
    expect(log.lines).toEqual(["begun", "aborted: CANCELLED"]);
    expect((await fns.contextOf()).slot).toBe(slot);
  });

  it("one that does not listen loses its slot after the grace time; what waits behind it runs in the next", async () => {
    const fns = await world.alone();
    const { slot } = await fns.contextOf();
    const { rejected, deadlineMs } = await intoDeadline((log, deadlineMs) =>
      fns.computesForEver.with({ deadlineMs })(log),
    );
    const behind = fns.contextOf();
    const error = await rejected;
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", details: { hasBegun: true, deadlineMs } });
    expect((await behind).slot).toBeGreaterThan(slot);
  });

  it("others are unharmed while a slot is replaced", async () => {
    const fns = (await world.connect({ slots: 2, abortGraceMs: 100 })).use<Module>(moduleUrl);
    const [log, other] = [world.log(), world.log()];
    const gate = world.gate();
    const controller = new AbortController();
    const call = fns.computesForEver.with({ signal: controller.signal })(log.file);
    await log.has(1);
    const unharmed = fns.waits(gate.file, other.file, "unharmed");
    await other.has(1);
    controller.abort(new Error("enough"));
    expect((await rejection(call)).message).toBe("enough");
    // Both slots are taken, by one that waits and one that loops: this one runs in the slot that replaces the second.
    expect(await fns.echo("in a new slot")).toBe("in a new slot");
    gate.open();
    expect(await unharmed).toBe("unharmed");
  });

  it("what was moved to a slot that is then lost is lost as well, and says so", async () => {
    const fns = await world.alone();
    await fns.echo("the slot is there");
    const { rejected } = await intoDeadline((log, deadlineMs) =>
      fns.computesForEver.with({ deadlineMs })(log),
    );
    const moved = fns.sumOf(move(new Uint8Array(1000).fill(1)));
    expect(await rejected).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    // A slot that gives nothing back is given one call at a time: this one waits for the next slot.
    const { options, connect } = world.variant;
    if (options.isolation === "process" || connect !== undefined) expect(await moved).toBe(1000);
    else expect(await rejection(moved)).toMatchObject({ code: "SLOT_LOST" });
  });

  it("a call that moves, and ends while it waits behind another in a slot, harms nobody", async () => {
    const { fns, open } = await busy();
    const bytes = new Uint8Array(1000).fill(1);
    const error = await rejection(fns.sumOf.with({ deadlineMs: 20 })(move(bytes)));
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", details: { hasBegun: false } });
    const log = world.log();
    const later = fns.says(log.file, "later");
    // Longer than the grace time of this connection: were the slot ended for it, so would be what runs there.
    await rejection(fns.echo.with({ deadlineMs: 200 })("waits"));
    await open(); // what ran there ends well
    expect(await later).toBe("later");
  });

  it("a deadline of a call that waits: it never runs, and says so", async () => {
    const { fns, open } = await busy();
    const log = world.log();
    const error = await rejection(fns.says.with({ deadlineMs: 20 })(log.file, "late"));
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", details: { hasBegun: false } });
    expect(error.message).toBe("the call of says did not begin within its deadline of 20 ms");
    await open();
    await fns.echo(1);
    expect(log.lines).toEqual([]);
  });

  it("what is said not to have begun has not, and never does: small calls, some of them late", async () => {
    const shoal = await world.connect({ slots: 2 });
    const { says, waits } = shoal.use<Module>(moduleUrl);
    const [gate, holds, log] = [world.gate(), world.log(), world.log()];
    await Promise.all(Array.from({ length: 100 }, () => says(holds.file, "how little it takes")));
    // Half of them are with a slot while their deadlines pass, behind one that is long.
    const calls: Promise<unknown>[] = [];
    const long: Promise<unknown>[] = [];
    for (let n = 0; n < 400; n++) {
      if (n % 200 === 100) long.push(waits(gate.file, holds.file, "long"));
      calls.push(says.with({ deadlineMs: 1 + (n % 40) })(log.file, `${n}`));
    }
    const settled = await Promise.allSettled(calls);
    gate.open();
    await Promise.all(long);
    await Promise.all(Array.from({ length: 100 }, () => says(holds.file, "all before have run")));
    const said = new Set(log.lines);
    expect(log.lines).toHaveLength(said.size);
    for (const [n, result] of settled.entries()) {
      if (result.status === "fulfilled") expect(said.has(`${n}`), `${n} has returned`).toBe(true);
      else {
        const { code, details } = result.reason as { code: string; details: { hasBegun: boolean } };
        expect(code).toBe("DEADLINE_EXCEEDED");
        if (!details.hasBegun) expect(said.has(`${n}`), `${n} has not begun`).toBe(false);
      }
    }
  });

  it("a deadline of a call that runs aborts its signal", async () => {
    const { log, rejected } = await intoDeadline((log, deadlineMs) =>
      world.fns.waitsForAbort.with({ deadlineMs })(log),
    );
    expect(await rejected).toMatchObject({ code: "DEADLINE_EXCEEDED", retryable: true });
    await log.has(2);
    expect(log.lines).toEqual(["begun", "aborted: CANCELLED"]);
  });

  it("one signal for many calls: all end, and Node has nothing to warn of", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const controller = new AbortController();
    const log = world.log();
    const fns = await world.alone();
    const calls = Array.from({ length: 50 }, () =>
      rejection(fns.waitsForAbort.with({ signal: controller.signal })(log.file)),
    );
    await log.has(1);
    controller.abort(new Error("all of them"));
    for (const error of await Promise.all(calls)) expect((error as Error).message).toBe("all of them");
    await world.shoal
      .map(fns.echo, Array.from({ length: 100 }).keys(), { batch: 1, concurrency: 50 })
      .toArray();
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  it("cancelCalls drops what waits, abortCalls what runs; with their reasons", async () => {
    const shoal = await world.connect({ slots: 1 });
    const { waitsForAbort, says, echo } = shoal.use<Module>(moduleUrl);
    const [log, never] = [world.log(), world.log()];
    const running = rejection(waitsForAbort(log.file));
    await log.has(1);
    const waiting = Array.from({ length: 5 }, (_, n) => says(never.file, `${n}`));
    // One may be with the slot already: it runs, as far as is known here.
    const cancelled = shoal.cancelCalls(new Error("not wanted"));
    expect([4, 5]).toContain(cancelled);
    for (const call of waiting.slice(5 - cancelled))
      expect((await rejection(call)).message).toBe("not wanted");
    expect(shoal.abortCalls()).toBe(1 + 5 - cancelled);
    expect(await running).toMatchObject({ code: "CANCELLED" });
    await Promise.allSettled(waiting);
    expect(await echo("next")).toBe("next");
    expect(log.lines).toEqual(["begun", "aborted: CANCELLED"]);
    expect(never.lines).toEqual([]);
    expect([shoal.cancelCalls(), shoal.abortCalls()]).toEqual([0, 0]);
  });

  it("a full queue refuses: QUEUE_FULL, definite", async () => {
    const shoal = await world.connect({ slots: 1, waitingCallsMax: 2 });
    const { waits, echo } = shoal.use<Module>(moduleUrl);
    const [gate, log] = [world.gate(), world.log()];
    const running = waits(gate.file, log.file, "ran");
    await log.has(1);
    const taken: Promise<unknown>[] = [];
    let error: { readonly code?: string } = {};
    while (taken.length < 5) {
      const call = echo(taken.length);
      // A refusal comes at once; what waits waits for the gate.
      const first = await Promise.race([
        rejection(call),
        new Promise((resolve) => setImmediate(resolve, null)),
      ]);
      if (first !== null) {
        error = first as { code: string };
        break;
      }
      taken.push(call);
    }
    expect(error).toMatchObject({ code: "QUEUE_FULL", definite: true, retryable: true });
    expect(shoal.callFigures()).toMatchObject({ waiting: 2, refused: 1 });
    gate.open();
    expect(await running).toBe("ran");
    expect(await Promise.all(taken)).toEqual(taken.map((_, n) => n));
  });

  it("what ended in time is not touched by its deadline or signal afterwards", async () => {
    const controller = new AbortController();
    const { echo } = world.fns;
    const call = echo.with({ signal: controller.signal, deadlineMs: 60_000 })("done");
    expect(await call).toBe("done");
    controller.abort();
    expect(await call).toBe("done");
    expect(await echo("next")).toBe("next");
  });
}
