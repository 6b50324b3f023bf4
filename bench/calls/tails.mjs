// npm run bench:tails: how long calls take, waiting included, when they come at random: real threads, beside piscina,
// random assignment to per-thread queues, and the ideal central queue, computed by the simulator on the same arrivals.
//
//   node bench/calls/tails.mjs [--seconds 10] [--seeds 1] [--systems shoal,piscina,random] [--svg FILE] [--json]
//
// Open loop, Poisson arrivals; service times of mean 1 ms (exponential, constant, or 90 % of 0.5 ms and 10 % of 5.5), which
// sleep nearly all of their time, so that two slots and the program that makes the calls share two cores. Each run in a
// process of its own. The first second of each is left out.
//
// "Highest load": where the p99 reaches ten times the mean, by interpolation between the loads.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { picture } from "./tails-picture.mjs";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    seeds: { type: "string", default: "1" },
    systems: { type: "string", default: "shoal,piscina,random" },
    svg: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run bench:tails -- [--seconds N] [--seeds N] [--systems NAMES] [--svg FILE] [--json]\nThe p99 of calls by load, beside the ideal.",
  );
  process.exit(0);
}
const loads = [0.5, 0.7, 0.8, 0.85, 0.9, 0.95];
const services = ["exponential", "constant", "bimodal"];
const systems = values.systems.split(",");
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const run = (system, service, load, seed) => {
  const file = fileURLToPath(new URL("tail.mjs", import.meta.url));
  const args = [file, system, service, String(load), values.seconds, String(seed)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
};

const figures = services.map((service) => ({
  service,
  points: loads.map((load) => {
    const point = { load };
    for (let seed = 1; seed <= Number(values.seeds); seed++) {
      for (const system of systems) {
        const { p99, idealP99, idealActualP99 } = run(system, service, load, seed);
        (point[system] ??= []).push(p99);
        (point.ideal ??= []).push(idealP99);
        (point[`${system}Ratio`] ??= []).push(p99 / idealP99);
        (point[`${system}ActualRatio`] ??= []).push(p99 / idealActualP99);
      }
    }
    return Object.fromEntries(
      Object.entries(point).map(([key, all]) => [key, key === "load" ? all : median(all)]),
    );
  }),
}));

/** The load at which the p99 reaches 10 ms; the last load if it does not. */
function highest(points, system) {
  for (let n = 1; n < points.length; n++) {
    const [before, after] = [points[n - 1], points[n]];
    if (after[system] < 10) continue;
    const share = (10 - before[system]) / (after[system] - before[system]);
    return before.load + Math.max(0, share) * (after.load - before.load);
  }
  return points.at(-1).load;
}
for (const figure of figures) {
  figure.highest = Object.fromEntries(
    ["ideal", ...systems].map((system) => [system, highest(figure.points, system)]),
  );
}
if (values.svg !== undefined) writeFileSync(values.svg, picture(figures, ["ideal", ...systems]));
if (values.json) console.log(JSON.stringify(figures));
else for (const figure of figures) print(figure);

function print({ service, points, highest }) {
  console.log(`${service}: p99 in ms by load`);
  console.log(
    `   load${["ideal", ...systems].map((system) => system.padStart(12)).join("")}   shoal / ideal   / ideal with the services as long as they were`,
  );
  for (const point of points) {
    const columns = ["ideal", ...systems].map((system) => point[system].toFixed(1).padStart(12)).join("");
    console.log(
      `${String(Math.round(point.load * 100)).padStart(5)} %${columns}${point.shoalRatio.toFixed(2).padStart(16)}${point.shoalActualRatio.toFixed(2).padStart(10)}`,
    );
  }
  const share = (system) => `${((highest[system] / highest.ideal) * 100).toFixed(0)} % of the ideal's`;
  console.log(
    `   highest load with p99 ≤ 10 ms: ideal ${(highest.ideal * 100).toFixed(0)} %; ` +
      systems
        .map((system) => `${system} ${(highest[system] * 100).toFixed(0)} % (${share(system)})`)
        .join("; ") +
      "\n",
  );
}
