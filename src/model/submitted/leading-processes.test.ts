import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../../test/kit/processes.ts";
import { LeadingProcesses } from "./leading-processes.ts";

const times = { firstMs: 0, nextMs: 0, soonMs: 0, againMs: 0 };
/** Leads for ever, or, s0, not at all. */
const leader = `
process.once("message", () => {
  process.once("message", ({ id }) => { if (id === "s0") process.exit(0); });
  process.send("ready");
});
process.on("disconnect", () => process.exit(2));
`;

let directory: string;
let processes: LeadingProcesses;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "shoal-leading-"));
  const file = path.join(directory, "lead.mjs");
  writeFileSync(file, leader);
  processes = new LeadingProcesses(file, "nats://there", times);
});
afterEach(() => {
  processes.close();
  rmSync(directory, { recursive: true, force: true });
});

const ready = (): Promise<void> => until("one is ready", () => processes.isReady);
const order = (id: string) => ({ id, epoch: 1, directory });

test("one is ready before it is needed, and another after it", async () => {
  processes.start();
  await ready();
  const first = processes.lead(order("s1"));
  expect(processes.isReady).toBe(false);
  expect(first.exitCode).toBe(null);
  await ready();
  const second = processes.lead(order("s0"));
  expect(second.pid).not.toBe(first.pid);
  const ended = new Promise((resolve) => second.once("exit", resolve));
  expect(await ended).toBe(0);
  await ready();
  first.kill("SIGKILL");
});

test("where none is ready, one is started", async () => {
  const child = processes.lead(order("s0"));
  expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(0);
});

test("one that dies before it is needed is replaced", async () => {
  processes.start();
  await ready();
  const spare = (): number | undefined =>
    (processes as unknown as { spare: { pid: number } | null }).spare?.pid;
  const first = spare()!;
  process.kill(first, "SIGKILL");
  await until("another is ready", () => processes.isReady && spare() !== first);
  const child = processes.lead(order("s0"));
  expect(child.pid).not.toBe(first);
  expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(0);
});
