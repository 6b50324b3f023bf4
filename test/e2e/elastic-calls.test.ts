// Functions on a cluster that changes: workers that join, leave and die under a map; clients that share a worker's slots.
// A real nats-server, workers as processes.

import { afterAll, beforeAll, expect, test } from "vitest";
import { pathToFileURL } from "node:url";
import { shoal as built } from "../kit/built.ts";
import { freePort, startNats, type NatsServer } from "../kit/nats.ts";
import { until } from "../kit/processes.ts";
import { Project, type Running } from "./harness.ts";

interface Module {
  where(n: number): { n: number; pid: number };
  waits(gate: string): Promise<number>;
  looksAt(table: Uint8Array, n: number): { value: number; isShared: boolean };
}

const moduleText = `
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
export function where(n) {
  const until = performance.now() + 2;
  while (performance.now() < until);
  return { n, pid: process.pid };
}
export const looksAt = (table, n) => ({ value: table[n], isShared: table.buffer instanceof SharedArrayBuffer });
export async function waits(gate) {
  while (!existsSync(gate)) await setTimeout(5);
  return process.pid;
}
`;

let server: NatsServer;
beforeAll(async () => {
  server = await startNats();
});
afterAll(() => server.close());

class Lab {
  readonly project = new Project({ "work.ts": moduleText });
  readonly url: string;
  private readonly workers: Running[] = [];
  private readonly clients: Awaited<ReturnType<typeof built.connect>>[] = [];

  constructor(name: string, { url } = server) {
    this.url = `${url}/${name}`;
  }

  async worker(...options: string[]): Promise<Running> {
    const directory = `.shoal/w${this.workers.length + 1}`;
    const worker = this.project.start("worker", "--cluster", this.url, "--directory", directory, ...options);
    this.workers.push(worker);
    await worker.said("is ready");
    return worker;
  }

  async client(options: { slotWaitMs?: number; onOutput?: (text: string) => void } = {}) {
    const shoal = await built.connect(this.url, { stateDir: this.project.at("state"), ...options });
    this.clients.push(shoal);
    const { where, waits, looksAt } = shoal.use<Module>(pathToFileURL(this.project.at("work.ts")));
    return { shoal, where, waits, looksAt };
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    for (const worker of this.workers) worker.process.kill("SIGKILL");
    await Promise.all(this.workers.map((worker) => worker.ended));
    this.project[Symbol.dispose]();
  }
}

test("a map goes on while workers join, are drained and die: all are used that are there, and no result is lost", async () => {
  const lab = new Lab("elastic");
  try {
    const first = await lab.worker("--slots", "1");
    const { shoal, where } = await lab.client();
    let isEnough = false;
    let given = 0;
    function* inputs(): Generator<number> {
      while (!isEnough) yield given++;
    }
    /** Results by process, since the last change. */
    const seen = new Map<number, number>();
    const change = (): void => seen.clear();
    const has = (worker: Running, count: number): boolean => (seen.get(worker.process.pid!) ?? 0) >= count;
    const read: number[] = [];
    const reading = (async () => {
      for await (const { n, pid } of shoal.map(where, inputs(), { batch: 5, retries: 2 })) {
        read.push(n);
        seen.set(pid, (seen.get(pid) ?? 0) + 1);
      }
    })();
    await until("the first works", () => has(first, 20));
    const second = await lab.worker("--slots", "2");
    await until("both work", () => has(first, 20) && has(second, 20), 20_000);
    expect(shoal.callFigures()!.slots).toBe(3);
    // Drained in the middle: it ends by itself, with all that it had begun.
    first.process.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 0 });
    change();
    await until("the second goes on alone", () => has(second, 100), 20_000);
    expect([...seen.keys()]).toEqual([second.process.pid]);
    expect(shoal.callFigures()!.slots).toBe(2);
    const third = await lab.worker("--slots", "1");
    await until("the third works", () => has(third, 20), 20_000);
    third.process.kill("SIGKILL");
    await third.ended;
    change();
    await until("its slot is given up", () => shoal.callFigures()!.slots === 2, 30_000);
    await until("the second goes on", () => has(second, 20), 20_000);
    isEnough = true;
    await reading;
    expect(read).toEqual(Array.from({ length: given }, (_, n) => n));
    const { lost, retried } = shoal.callFigures()!;
    expect(lost).toBe(0);
    expect(retried, "what the third had begun").toBeLessThanOrEqual(2);
  } finally {
    await lab.close();
  }
}, 120_000);

test("clients share a worker's call slots: each gets its share, who gets none is told, and gets one when it is free", async () => {
  const lab = new Lab("shared");
  const { project } = lab;
  try {
    await lab.worker("--slots", "2", "--call-slots", "2");
    const a = await lab.client();
    const leased = async () => (await built.workers(lab.url))[0]!;
    // A takes both.
    const ofA = [a.waits(project.at("a1")), a.waits(project.at("a2")), a.waits(project.at("a3"))];
    await until("A runs two", () => a.shoal.callFigures()!.slots === 2);
    expect(await leased()).toMatchObject({ leased: 2, callSlots: 2, callsWaiting: 0 });
    // B asks: A lets go of one when its call has ended, and what waits there runs elsewhere.
    const b = await lab.client();
    const ofB = b.waits(project.at("b1"));
    project.write("a2", "");
    project.write("a1", "");
    await Promise.all(ofA.slice(0, 2));
    project.write("b1", "");
    await ofB;
    const ofB2 = b.waits(project.at("b2"));
    expect(await leased()).toMatchObject({ leased: 2 });
    // C gets none, since both have one that works: it says so, and then gives up.
    const notes: string[] = [];
    const c = await lab.client({ slotWaitMs: 1000, onOutput: (text) => notes.push(text) });
    await expect(c.waits(project.at("c1"))).rejects.toMatchObject({
      code: "SLOTS_TAKEN",
      definite: true,
      retryable: true,
    });
    expect(notes.join("")).toContain("all call slots of the cluster are leased by other clients");
    // B has nothing to do any more: its slot goes to C.
    const d = await lab.client();
    const ofD = d.waits(project.at("d1"));
    project.write("b2", "");
    await ofB2;
    project.write("d1", "");
    await ofD;
    expect((await leased()).leased).toBe(2);
    project.write("a3", "");
    await ofA[2];
    // B can still have its own again.
    await b.waits(project.at("b2"));
  } finally {
    await lab.close();
  }
}, 120_000);

test("shared() reaches a worker once, whatever calls are given it, and its slots see the same memory", async () => {
  const monitor = await freePort();
  const own = await startNats(["-m", String(monitor)]);
  const lab = new Lab("broadcast", own);
  try {
    await lab.worker("--slots", "2");
    const { shoal, looksAt } = await lab.client();
    const table = built.shared(new Uint8Array(4_000_000).map((_, n) => n));
    const bytesIn = async () => {
      const figures = await (await fetch(`http://127.0.0.1:${monitor}/varz`)).json();
      return (figures as { in_bytes: number }).in_bytes;
    };
    await until("both slots take calls", async () => {
      await looksAt(new Uint8Array(1), 0);
      return shoal.callFigures()!.slots === 2;
    });
    const before = await bytesIn();
    const seen = await Promise.all(Array.from({ length: 40 }, (_, n) => looksAt(table, 1000 * n)));
    expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => ({ value: (1000 * n) % 256, isShared: true })));
    // Once, and again what was not acknowledged in time.
    expect((await bytesIn()) - before).toBeLessThan(3 * table.length);
  } finally {
    await lab.close();
    await own.close();
  }
}, 60_000);
