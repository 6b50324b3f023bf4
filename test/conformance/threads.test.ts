import type { Isolation } from "../../src/driver/slots/slot-body.ts";
import { ThreadsDriver } from "../../src/driver/threads/threads-driver.ts";
import { conformance } from "./suite.ts";

const programModule = new URL("./scripted-program.mjs", import.meta.url).href;

for (const isolation of ["thread", "process"] satisfies Isolation[]) {
  conformance({
    name: `threads, each slot a ${isolation}`,
    programModule,
    create: (_script, slots) =>
      new ThreadsDriver({
        slots,
        isolation,
        preload: programModule,
        heapBytes: null,
        memoryLimits: null,
        abortGraceMs: 50,
        onPrint: () => {},
      }),
    deviations: {},
  });
}
