// Calls on a cluster while something of it dies: a real nats-server, workers as processes.

import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shoal as built } from "../kit/built.ts";
import { startNats, type NatsServer } from "../kit/nats.ts";
import { until } from "../kit/processes.ts";
import { Project, type Running } from "./harness.ts";

type Module = typeof import("../conformance/calls/module.ts");
const moduleUrl = new URL("../conformance/calls/module.ts", import.meta.url);

let server: NatsServer;
beforeAll(async () => {
  server = await startNats();
});
afterAll(() => server.close());

/** Two workers of one slot each, and a client that knows how little a call of `waits` takes when its gate is open. */
async function open(url: string) {
  const project = new Project();
  const workers: Running[] = [];
  for (const directory of [".shoal/w1", ".shoal/w2"]) {
    const worker = project.start("worker", "--cluster", url, "--slots", "1", "--directory", directory);
    workers.push(worker);
    await worker.said("is ready");
  }
  const shoal = await built.connect(url, { stateDir: project.at("state") });
  const { waits } = shoal.use<Module>(moduleUrl);
  project.write("open", "");
  const begun = (log: string): string[] =>
    existsSync(project.at(log)) ? readFileSync(project.at(log), "utf8").split("\n").slice(0, -1) : [];
  await Promise.all(
    Array.from({ length: 200 }, (_, n) => waits(project.at("open"), project.at("first"), `${n}`)),
  );
  return {
    project,
    workers,
    shoal,
    waits,
    begun,
    async close() {
      await shoal.close();
      for (const worker of workers) worker.process.kill("SIGKILL");
      await Promise.all(workers.map((worker) => worker.ended));
      project[Symbol.dispose]();
    },
  };
}

const retriesOf = (n: number): number => (n < 4 ? 0 : n % 2);

test("kill -9 of a worker: calls that it held are made again if they may be, and else nobody says that they did not happen", async () => {
  const { project, workers, waits, begun, close } = await open(`${server.url}/kill`);
  try {
    const calls = Array.from({ length: 60 }, (_, n) =>
      waits.with({ retries: retriesOf(n) })(project.at("gate"), project.at("log"), `${n}`),
    );
    const settled = Promise.allSettled(calls);
    await until("both slots run one", () => begun("log").length === 2);
    workers[0]!.process.kill("SIGKILL");
    project.write("gate", "");
    const lost: number[] = [];
    for (const [n, result] of (await settled).entries()) {
      if (result.status === "fulfilled") expect(result.value).toBe(`${n}`);
      else {
        expect(retriesOf(n), `${n} may be tried again`).toBe(0);
        expect(result.reason).toMatchObject({ code: "SLOT_LOST", definite: false });
        lost.push(n);
      }
    }
    // It held two of the first four, at least; all others, and those that it was not given yet, ran once.
    expect(lost.length).toBeGreaterThan(1);
    const lines = begun("log").map(Number);
    expect(new Set([...lines, ...lost]).size).toBe(60);
    for (const n of lost.slice(1)) expect(lines).not.toContain(n);
    expect(lines.length).toBeLessThanOrEqual(61);
  } finally {
    await close();
  }
});

test("a worker that is killed and started again in its place says so: its calls are lost at once, not after a silence", async () => {
  const { project, workers, waits, begun, close } = await open(`${server.url}/again`);
  try {
    const calls = [0, 1].map((n) => waits(project.at("gate"), project.at("log"), `${n}`));
    const settled = Promise.allSettled(calls);
    await until("both slots run one", () => begun("log").length === 2);
    workers[0]!.process.kill("SIGKILL");
    await workers[0]!.ended;
    workers[0] = project.start("worker", "--cluster", `${server.url}/again`, "--directory", ".shoal/w1");
    await Promise.race(calls).catch(() => {});
    project.write("gate", "");
    const reasons = (await settled).flatMap((one) =>
      one.status === "rejected" ? [one.reason as unknown] : [],
    );
    expect(reasons).toMatchObject([
      { code: "SLOT_LOST", message: expect.stringMatching(/the worker w\d+ was lost: its process is gone/) },
    ]);
  } finally {
    await close();
  }
});

test("NATS killed and started again: calls that are under way end, each once", async () => {
  const own = await startNats();
  const { project, waits, begun, close } = await open(`${own.url}/restart`);
  try {
    const calls = Array.from({ length: 500 }, (_, n) => waits(project.at("gate"), project.at("log"), `${n}`));
    await until("both slots run one", () => begun("log").length === 2);
    await own.kill();
    project.write("gate", "");
    // Without NATS slots go on with what they hold.
    await until("they run on", () => begun("log").length > 2);
    await own.restart();
    expect(await Promise.all(calls)).toEqual(calls.map((_, n) => `${n}`));
    expect(begun("log")).toHaveLength(500);
  } finally {
    await close();
    await own.close();
  }
});
