import { ThreadsDriver } from "../../src/driver/threads/threads-driver.ts";
import { conformance } from "./suite.ts";

const programModule = new URL("./scripted-program.mjs", import.meta.url).href;

conformance({
  name: "threads",
  programModule,
  create: (_script, slots) => new ThreadsDriver({ slots, preload: programModule, heapBytes: null, abortGraceMs: 50, onPrint: () => {} }),
  deviations: {},
});
