// The command line of the simulation.

import { parseArgs } from "node:util";
import { runBatch, type Found, type Order } from "./batch.ts";
import { huntMutations } from "./hunt.ts";
import { childArgument, serveParent, workOff } from "./pool.ts";
import { reproduce, showSeed } from "./show.ts";
import { addTally, newTally, rareMarks } from "./tally.ts";

const usage = `usage: npm run sim -- [options]

Runs simulated clusters under faults, all drawn from a seed, and checks what must hold of every run.

  --seeds N       run N seeds, each twice (default 1000)
  --from N        the first of them (default 1)
  --jobs N        processes (default 2)
  --once          run each seed once: not whether it goes the same twice
  --seed N        run one seed; print what it drew and how it ended
  --story WHAT    with --seed: tell the story of a task (t7), or "all"
  --mutations     plant each bug of test/sim/mutations, and find it
  --only NAME     with --mutations: those whose names contain this
  --most N        with --mutations: give up after so many seeds (default 20000)
  --help          this

Exit code 0: nothing was violated. 1: something was. 2: the options are wrong.`;

const options = {
  seeds: { type: "string", default: "1000" },
  from: { type: "string", default: "1" },
  jobs: { type: "string", default: "2" },
  once: { type: "boolean", default: false },
  seed: { type: "string" },
  story: { type: "string" },
  mutations: { type: "boolean", default: false },
  only: { type: "string", default: "" },
  most: { type: "string", default: "20000" },
  help: { type: "boolean", default: false },
} as const;

class BadOption extends Error {}

function whole(name: string, text: string, min: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min)
    throw new BadOption(`--${name} takes a whole number from ${min}, received "${text}"`);
  return value;
}

/** Runs the seeds, telling how far it is. Returns whether nothing was violated. */
async function runSeeds(from: number, seeds: number, jobs: number, isTwice: boolean): Promise<boolean> {
  const startedAt = performance.now();
  const found: Found[] = [];
  const tally = newTally();
  let next = from;
  let toldAt = startedAt;
  const tell = (): void => {
    const seconds = (performance.now() - startedAt) / 1000;
    console.error(`${tally.seeds} of ${seeds} seeds, ${found.length} violations, ${seconds.toFixed(0)} s`);
  };
  await workOff(
    process.argv[1]!,
    jobs,
    {
      next(): Order | null {
        const count = Math.min(50, from + seeds - next);
        if (count <= 0) return null;
        next += count;
        return { from: next - count, seeds: count, isTwice };
      },
      take(answer) {
        addTally(tally, answer.tally);
        found.push(...answer.found);
        for (const { seed, checker, message } of answer.found)
          console.error(`seed ${seed}: ${checker}: ${message.split("\n")[0]}`);
        if (performance.now() - toldAt < 5000) return;
        toldAt = performance.now();
        tell();
      },
    },
    false,
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const rare = rareMarks(tally);
  const ended = Object.entries(tally.marks)
    .filter(([mark]) => mark.startsWith("ended: "))
    .map(([mark, n]) => `${n} ${mark.slice(7)}`)
    .join(", ");
  console.log(
    `${tally.seeds} seeds${isTwice ? ", each twice" : ""}: ${found.length} violations in ${seconds.toFixed(1)} s`,
  );
  console.log(`jobs ${ended}; ${tally.faults} faults, ${tally.entries} log entries`);
  for (const line of rare) console.log(`TOO RARE: ${line}`);
  found.sort((a, b) => a.seed - b.seed);
  if (found.length > 0)
    console.log(`\n${found[0]!.checker}: ${found[0]!.message}\n${reproduce(found[0]!.seed)}`);
  return found.length === 0 && rare.length === 0;
}

async function main(): Promise<boolean> {
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new BadOption(error instanceof Error ? error.message : String(error));
  }
  if (values.help) {
    console.log(usage);
    return true;
  }
  const jobs = whole("jobs", values.jobs, 1);
  if (values.mutations) return await huntMutations(values.only, whole("most", values.most, 1), jobs);
  if (values.seed === undefined)
    return await runSeeds(whole("from", values.from, 0), whole("seeds", values.seeds, 1), jobs, !values.once);
  const task =
    values.story === undefined
      ? null
      : values.story === "all"
        ? "all"
        : /^t(\d{1,9})$/.exec(values.story)?.[1];
  if (task === undefined)
    throw new BadOption(`--story takes a task like t7, or "all", received "${values.story}"`);
  return showSeed(
    whole("seed", values.seed, 0),
    task === null || task === "all" ? task : Number(task),
    (line) => console.log(line),
  );
}

if (process.argv.includes(childArgument)) {
  const stopsEarly = process.argv.includes("--stop-early");
  serveParent((order) => runBatch(order, stopsEarly));
} else {
  main().then(
    (isWell) => (process.exitCode = isWell ? 0 : 1),
    (error: unknown) => {
      console.error(error instanceof BadOption ? `${error.message}\n\n${usage}` : error);
      process.exitCode = error instanceof BadOption ? 2 : 1;
    },
  );
}
