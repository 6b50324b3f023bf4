// Functions on a cluster: each connection of the suite has a cluster of its own, with one worker for each slot, on a
// nats-server that all of them share.

import path from "node:path";
import { beforeAll, afterAll } from "vitest";
import type { WorkerHandle } from "../../src/cluster.ts";
import { shoal as built } from "../kit/built.ts";
import { startNatsAsAsked, type NatsServer } from "../kit/nats.ts";
import { callsConformance } from "./calls.ts";

let server: NatsServer;
let clusters = 0;
const workers: WorkerHandle[] = [];

beforeAll(async () => {
  server = await startNatsAsAsked();
});
afterAll(() => server.close());

callsConformance({
  name: "a cluster",
  options: {},
  manyCalls: 4000,
  connect: async ({ slots = 2, ...options }, directory) => {
    const url = `${server.url}/calls-${++clusters}`;
    const { memoryBytes, abortGraceMs } = options;
    for (let n = 1; n <= slots; n++) {
      workers.push(
        await built.startWorker(url, {
          slots: 1,
          directory: path.join(directory, `worker-${clusters}-${n}`),
          ...(memoryBytes === undefined ? {} : { memoryBytes: memoryBytes / slots }),
          ...(abortGraceMs === undefined ? {} : { abortGraceMs }),
        }),
      );
    }
    return await built.connect(url, options);
  },
  end: async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
  },
  deviations: {
    "a crash: SLOT_LOST with the signal": "slots are threads here: a crash ends the worker",
    "a call whose slot was lost is tried again as its retries say":
      "slots are threads here: a crash ends the worker",
    "many calls that end their slots take nothing from those that wait":
      "slots are threads here: a crash ends the worker",
    "the reader of a stream whose slot is lost is told": "slots are threads here: a crash ends the worker",
    "shared() arrives without a copy: what one slot writes is seen by others, and here":
      "machines share no memory: they get copies",
  },
});
