// Tails of the dispatcher machine in simulation, beside the ideal central queue's and random assignment's.
//
//   node bench/tails-sim.mjs [--calls 500000] [--slots 2] [--mean-ms 1] [--seed 1] [--json]
//
// Open loop: Poisson arrivals, service times of mean 1 ms, the same calls for all three. The dispatcher pays 15 µs to
// wake an idle slot and 5 µs to hear of an end; the other two pay nothing. Printed: the p99 from arrival to
// end, and the highest load at which it is at most ten times the mean. Exit code 1 if at 85 % load the dispatcher's
// p99 is more than 1.25 × the ideal's, or its highest load less than 90 % of the ideal's.
//
// `loadCallSimulation` gives other programs the same functions (src/driver/sim/calls).
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { importEngine } from "./engine.mjs";

/** The modules of src/driver/sim/calls, compiled: p99Ms, highestLoad, workload, simulatePool, idealQueue, … */
export const loadCallSimulation = () =>
  importEngine(...["tails", "workload", "pool", "queues"].map((file) => `src/driver/sim/calls/${file}.ts`));

export const loads = [0.5, 0.7, 0.8, 0.85, 0.9, 0.95];

/** For each kind of service times: the p99 in ms by load, and the highest loads. */
export async function simulateTails({ slots = 2, calls = 500_000, seed = 1, meanMs = 1 } = {}) {
  const { p99Ms, highestLoad } = await loadCallSimulation();
  return ["exponential", "constant", "bimodal"].map((service) => {
    const shape = { service, slots, calls, seed, meanMicros: meanMs * 1000 };
    const points = loads.map((load) => {
      const [ideal, dispatcher, random] = ["ideal", "dispatcher", "random"].map((how) =>
        p99Ms(how, { ...shape, load }),
      );
      return { load, ideal, dispatcher, random, ratio: dispatcher / ideal };
    });
    const highest = { ideal: highestLoad("ideal", shape), dispatcher: highestLoad("dispatcher", shape) };
    return { service, points, highest };
  });
}

const isWell = ({ points, highest }) =>
  points.find(({ load }) => load === 0.85).ratio <= 1.25 && highest.dispatcher >= 0.9 * highest.ideal;

function print({ service, points, highest }) {
  const percent = (share) => `${(share * 100).toFixed(1)} %`;
  console.log(`${service}\n   load   ideal ms   dispatcher ms   random ms   dispatcher / ideal`);
  for (const { load, ideal, dispatcher, random, ratio } of points) {
    const columns = [
      `${Math.round(load * 100)} %`.padStart(7),
      ideal.toFixed(2).padStart(10),
      dispatcher.toFixed(2).padStart(15),
      random.toFixed(2).padStart(11),
      ratio.toFixed(3).padStart(20),
    ];
    console.log(columns.join(" "));
  }
  const share = percent(highest.dispatcher / highest.ideal);
  console.log(
    `   p99 ≤ 10 × the mean up to a load of ${percent(highest.ideal)} ideal, ${percent(highest.dispatcher)} dispatcher: ${share} of it\n`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      calls: { type: "string", default: "500000" },
      slots: { type: "string", default: "2" },
      "mean-ms": { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(
      "usage: node bench/tails-sim.mjs [--calls N] [--slots N] [--mean-ms N] [--seed N] [--json]\nTails of the dispatcher in simulation, beside the ideal queue's and random assignment's.",
    );
    process.exit(0);
  }
  const tails = await simulateTails({
    slots: Number(values.slots),
    calls: Number(values.calls),
    seed: Number(values.seed),
    meanMs: Number(values["mean-ms"]),
  });
  if (values.json) console.log(JSON.stringify(tails));
  else {
    tails.forEach(print);
    console.log(
      `targets (85 %: ≤ 1.25 × ideal; highest load ≥ 90 % of the ideal's): ${tails.every(isWell) ? "met" : "NOT MET"}`,
    );
  }
  process.exitCode = tails.every(isWell) ? 0 : 1;
}
