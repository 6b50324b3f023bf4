// One worker of BullMQ: adds one. usage: bull-worker.mjs PORT CONCURRENCY
import { Worker } from "bullmq";
import { Redis } from "ioredis";

const [port, concurrency] = process.argv.slice(2).map(Number);
const worker = new Worker("calls", async ({ data }) => data.x + 1, {
  connection: new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null }),
  concurrency,
  removeOnComplete: { count: 1000 },
});
await worker.waitUntilReady();
process.send("ready");
process.on("disconnect", () => process.exit(0));
