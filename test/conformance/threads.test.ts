import { ThreadsDriver } from "../../dist/driver/threads/threads-driver.js";
import type { Driver } from "../../src/driver/driver.ts";
import { conformance } from "./suite.ts";

const programModule = new URL("./scripted-program.mjs", import.meta.url).href;

conformance({
  name: "threads",
  programModule,
  create: (_script, slots) => new ThreadsDriver({ slots, preload: programModule, heapBytes: null, abortGraceMs: 50, onPrint: () => {} }) as unknown as Driver,
  deviations: {},
});
