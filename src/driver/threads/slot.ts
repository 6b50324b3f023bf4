// The entry of a slot. In a thread it is the slot; in a child process it keeps the thread that is the slot.

import { isMainThread } from "node:worker_threads";

if (isMainThread) await import("./slot-keeper.ts");
else await import("./slot-worker.ts");
