import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { JobOutcome } from "../../src/core/types.ts";
import type { Driver, DriverJob } from "../../src/driver/driver.ts";
import { Agent } from "../../src/driver/nats/agent.ts";
import { NatsDriver } from "../../src/driver/nats/nats-driver.ts";
import type { ProgramRef } from "../../src/executor/program.ts";
import { startNatsAsAsked, type NatsServer } from "../kit/nats.ts";
import { conformance } from "./suite.ts";

const programModule = new URL("./scripted-program.mjs", import.meta.url).href;

let server: NatsServer;
let directory: string;
let clusters = 0;

beforeAll(async () => {
  server = await startNatsAsAsked();
  directory = mkdtempSync(path.join(tmpdir(), "shoal-conformance-"));
});

afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A cluster of its own, of so many workers, each with so many slots; it is there when it is first used. */
class Cluster implements Driver {
  readonly name = "nats";
  private readonly opening: Promise<{ readonly driver: NatsDriver; readonly agents: readonly Agent[] }>;

  constructor(workers: number, slots: number) {
    this.opening = this.open(workers, slots);
  }

  async call(program: ProgramRef, method: string, argument: unknown): Promise<unknown> {
    return await (await this.opening).driver.call(program, method, argument);
  }

  async run(job: DriverJob): Promise<JobOutcome> {
    return await (await this.opening).driver.run(job);
  }

  async close(): Promise<void> {
    const { driver, agents } = await this.opening;
    await driver.close();
    await Promise.all(agents.map((agent) => agent.close()));
  }

  private async open(workers: number, slots: number): Promise<Awaited<Cluster["opening"]>> {
    const url = `${server.url}/c${++clusters}`;
    const slotOptions = { isolation: "thread", heapBytes: null, memoryLimits: null } as const;
    const times = { heartbeatMs: 50, lostTicks: 10, fenceTicks: 8 };
    const common = { url, preload: programModule, version: "0.0.0", ...slotOptions };
    const agents = await Promise.all(
      Array.from({ length: workers }, (_, i) =>
        Agent.start({
          ...common,
          slots,
          labels: {},
          directory: path.join(directory, `c${clusters}-${i}`),
          abortGraceMs: 50,
          callSlots: 4 * slots,
          blocks: { host: "127.0.0.1", port: 0, tls: null },
          program: (data) => ({ module: programModule, data }),
          localize: (payload) => payload,
          runtime: "",
          onNote: () => {},
          onForgotten: () => {},
        }),
      ),
    );
    return { agents, driver: await NatsDriver.connect({ ...common, times, onPrint: () => {} }) };
  }
}

conformance({
  name: "nats, one worker",
  programModule,
  create: (_script, slots) => new Cluster(1, slots),
  deviations: {},
});

conformance({
  name: "nats, as many workers as slots",
  programModule,
  create: (_script, slots) => new Cluster(slots, 1),
  deviations: {},
});
