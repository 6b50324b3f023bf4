import { SimDriver } from "../../src/driver/sim/sim-driver.ts";
import { modelOf } from "./script.ts";
import { conformance } from "./suite.ts";

conformance({
  name: "sim, one worker",
  programModule: "scripted",
  create: (script, slots) => new SimDriver({ seed: 1, workers: 1, slots, model: modelOf(script) }),
  deviations: { "a call is answered, and rejects with what the program threw": "a simulated worker runs a model, not a program" },
});

conformance({
  name: "sim, as many workers as slots, slow links",
  programModule: "scripted",
  create: (script, slots) => new SimDriver({ seed: 2, workers: slots, slots: 1, delayMsMax: 20, model: modelOf(script) }),
  deviations: { "a call is answered, and rejects with what the program threw": "a simulated worker runs a model, not a program" },
});
