import { rng } from "../../src/base/rng.ts";
import { delay, duplicate, lose } from "../../src/driver/sim/rules.ts";
import { SimDriver } from "../../src/driver/sim/sim-driver.ts";
import { modelOf } from "./script.ts";
import { conformance } from "./suite.ts";

const deviations = {
  "a call is answered, and rejects with what the program threw":
    "a simulated worker runs a model, not a program",
};

conformance({
  name: "sim, one worker",
  programModule: "scripted",
  create: (script, slots) => new SimDriver({ seed: 1, workers: 1, slots, model: modelOf(script) }),
  deviations,
});

conformance({
  name: "sim, as many workers as slots, slow links",
  programModule: "scripted",
  create: (script, slots) =>
    new SimDriver({ seed: 2, workers: slots, slots: 1, delayMsMax: 20, model: modelOf(script) }),
  deviations,
});

conformance({
  name: "sim, sessions over a network that loses, delays and doubles",
  programModule: "scripted",
  create: (script, slots) => {
    const random = rng(3);
    const rules = [lose(random, 0.1), delay(random, 0.1, 200), duplicate(random, 0.1, 200)];
    return new SimDriver({
      seed: 3,
      workers: slots,
      slots: 1,
      delayMsMax: 5,
      network: { rules },
      model: modelOf(script),
    });
  },
  deviations: {
    ...deviations,
    "an attempt beyond its time limit is ended and counts as failed":
      "its limit of 40 ms is less than what this network takes to say so",
  },
});
