// The systems that are compared, each with two threads, as { inc, megabyte, serve, close }.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "shoal";

const here = (name) => new URL(name, import.meta.url);

export const pools = {
  async shoal(slots = 2) {
    const stateDir = mkdtempSync(path.join(tmpdir(), "shoal-bench-"));
    const shoal = await connect({ slots, stateDir });
    const { inc, megabyte, serve } = shoal.use(here("functions.ts"));
    return { inc, megabyte, serve, shoal, close: () => shoal.close() };
  },
  async piscina() {
    const { Piscina } = await import("piscina");
    const pool = new Piscina({ filename: here("peer-piscina.mjs").href, minThreads: 2, maxThreads: 2 });
    return {
      inc: (x) => pool.run(x),
      megabyte: () => pool.run(0, { name: "megabyte" }),
      serve: (ms) => pool.run(ms, { name: "serve" }),
      close: () => pool.destroy(),
    };
  },
  async tinypool() {
    const { Tinypool } = await import("tinypool");
    const pool = new Tinypool({ filename: here("peer-tinypool.mjs").href, minThreads: 2, maxThreads: 2 });
    return {
      inc: (x) => pool.run(x),
      megabyte: () => pool.run(0, { name: "megabyte" }),
      serve: (ms) => pool.run(ms, { name: "serve" }),
      close: () => pool.destroy(),
    };
  },
  async workerpool() {
    const { default: workerpool } = await import("workerpool");
    const pool = workerpool.pool(here("peer-workerpool.cjs").pathname, {
      minWorkers: 2,
      maxWorkers: 2,
      workerType: "thread",
    });
    return {
      inc: (x) => pool.exec("inc", [x]),
      megabyte: () => pool.exec("megabyte", []),
      close: () => pool.terminate(),
    };
  },
};
