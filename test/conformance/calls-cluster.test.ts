// Functions on a cluster: each connection of the suite has a cluster of its own, with one worker for each slot, on a
// nats-server that all of them share. Slots of workers are threads, or processes.

import path from "node:path";
import { beforeAll, afterAll } from "vitest";
import type { WorkerHandle } from "../../src/cluster.ts";
import { shoal as built } from "../kit/built.ts";
import { startNatsAsAsked, type NatsServer } from "../kit/nats.ts";
import { callsConformance, type CallsVariant } from "./calls.ts";

let server: NatsServer;
let clusters = 0;
const workers: WorkerHandle[] = [];

beforeAll(async () => {
  server = await startNatsAsAsked();
});
afterAll(() => server.close());

/** Clusters of workers whose slots are of that kind. */
const variant = (
  isolation: "thread" | "process",
): Pick<CallsVariant, "options" | "manyCalls" | "connect" | "end"> => ({
  options: {},
  manyCalls: 4000,
  connect: async ({ slots = 2, ...options }, directory) => {
    const url = `${server.url}/calls-${++clusters}`;
    const { memoryBytes, abortGraceMs } = options;
    for (let n = 1; n <= slots; n++) {
      workers.push(
        await built.startWorker(url, {
          slots: 1,
          isolation,
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
});

const noCrash = "slots are threads here: a crash ends the worker";
const copies = "machines share no memory: they get copies";

callsConformance({
  name: "a cluster",
  ...variant("thread"),
  deviations: {
    "a crash: SLOT_LOST with the signal": noCrash,
    "a call whose slot was lost is tried again as its retries say": noCrash,
    "many calls that end their slots take nothing from those that wait": noCrash,
    "the reader of a stream whose slot is lost is told": noCrash,
    "shared() arrives without a copy: what one slot writes is seen by others, and here": copies,
  },
});

callsConformance({
  name: "a cluster, each slot a process",
  ...variant("process"),
  deviations: {
    "shared() arrives without a copy: what one slot writes is seen by others, and here": copies,
  },
});
