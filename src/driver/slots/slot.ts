// The entry of a slot. In a thread it is the slot; in a child process it keeps the thread that is the slot.

import { isMainThread, workerData } from "node:worker_threads";
import type { SlotData } from "./slot-thread.ts";

if (isMainThread) await import("./slot-keeper.ts");
else if ((workerData as SlotData).calls === null) await import("./slot-worker.ts");
else await import("./calls/call-worker.ts");
