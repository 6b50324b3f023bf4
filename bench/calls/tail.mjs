// One run of one system under one load: one line of JSON. usage: tail.mjs SYSTEM SERVICE LOAD SECONDS SEED
import { Worker } from "node:worker_threads";
import { loadCallSimulation } from "../tails-sim.mjs";
import { pools } from "./pools.mjs";

const [system, service, load, seconds, seed] = process.argv.slice(2);
const slots = 2;
const calls = Math.round(Number(load) * slots * 1000 * Number(seconds));
const { workload, idealQueue, quantile } = await loadCallSimulation();
const shape = { service, load: Number(load), slots, calls, seed: Number(seed) };
const { arrivalMicros, serviceMicros } = workload(shape);

/** What random assignment does: a queue for each thread, and no dispatcher. */
async function randomQueues() {
  const settle = new Map();
  const workers = Array.from({ length: slots }, () => {
    const worker = new Worker(new URL("random-worker.mjs", import.meta.url));
    worker.on("message", ([call, value]) => {
      settle.get(call)(value);
      settle.delete(call);
    });
    return worker;
  });
  let last = 0;
  return {
    serve: (ms) =>
      new Promise((resolve) => {
        settle.set(++last, resolve);
        workers[Math.floor(Math.random() * slots)].postMessage([last, ms]);
      }),
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

const pool = system === "random" ? await randomQueues() : await pools[system]();
for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 8 }, () => pool.serve(0.3)));

const responses = new Float64Array(calls);
/** What serving took: never less than asked for, and more where the machine was late. */
const actualMicros = new Float64Array(calls);
await new Promise((resolve) => {
  const began = performance.now() + 5;
  let next = 0;
  let done = 0;
  const loop = () => {
    const now = (performance.now() - began) * 1000;
    for (; next < calls && arrivalMicros[next] <= now; next++) {
      const call = next;
      void pool.serve(serviceMicros[call] / 1000).then((took) => {
        actualMicros[call] = took * 1000;
        responses[call] = (performance.now() - began) * 1000 - arrivalMicros[call];
        if (++done === calls) resolve();
      });
    }
    if (done < calls) setImmediate(loop);
  };
  loop();
});
const first = arrivalMicros.findIndex((micros) => micros >= 1e6);
const ms = (micros) => quantile(micros.subarray(first), 0.99) / 1000;
const idealP99 = (service) => ms(idealQueue({ arrivalMicros, serviceMicros: service }, slots));
console.log(
  JSON.stringify({
    p99: ms(responses),
    idealP99: idealP99(serviceMicros),
    // The same queue, with services that take as long as they took here: what the machine itself costs.
    idealActualP99: idealP99(actualMicros),
  }),
);
await pool.close();
process.exit(0);
