// One run, shown: its options, its story, its result.

import type { TaskNumber } from "../../src/base/ids.ts";
import { describeOutcome } from "../../src/core/describe-parts.ts";
import { runSeed, type SeedRun } from "./run-seed.ts";
import { story } from "./story.ts";
import type { Swarm } from "./swarm.ts";

/** Runs the seed twice. `task`: whose story to print; null for none. Returns whether all is well. */
export function showSeed(
  seed: number,
  task: TaskNumber | "all" | null,
  print: (line: string) => void,
): boolean {
  const run = runSeed(seed);
  const again = runSeed(seed);
  for (const line of describeSwarm(run.swarm)) print(line);
  if (task !== null) for (const line of story(run, task === "all" ? null : task)) print(line);
  print("");
  print(`${run.outcome === null ? "no end" : describeOutcome(run.outcome)}`);
  print(
    `${run.virtualMs} ms of virtual time, ${run.log.length} entries, ${run.faults} faults, ${run.incarnations} coordinators, trace ${run.hash}`,
  );
  if (again.hash !== run.hash) print(`NOT THE SAME TWICE: the second time the trace was ${again.hash}`);
  if (run.violation !== null) for (const line of describeViolation(run)) print(line);
  return run.violation === null && again.hash === run.hash;
}

/** What was drawn, without what was drawn not to be. */
export function describeSwarm(swarm: Swarm): string[] {
  const { seed, spec, faults, machines, coordinatorClock, ...rest } = swarm;
  const present = Object.entries(faults).filter(([, fault]) => fault !== null);
  const clock = ({ offsetMs, msPerSecond }: Swarm["coordinatorClock"]): string =>
    `+${offsetMs}ms×${msPerSecond / 1000}`;
  return [
    `seed ${seed}`,
    `machines  ${machines.map(({ slots, clock: own }) => `${slots} slots ${clock(own)}`).join(", ")}; coordinator ${clock(coordinatorClock)}`,
    ...spec.stages.map(
      ({ tasks, reads, output }, stage) =>
        `stage ${stage}   ${tasks} tasks${reads.length === 0 ? "" : `, reads ${reads.join(" ")}`}, ${output}`,
    ),
    `limits    ${flat(spec.limits)}`,
    ...Object.entries(rest).map(([name, value]) => `${name.padEnd(9)} ${flat(value)}`),
    ...(present.length === 0
      ? ["faults    none"]
      : present.map(([name, fault]) => `fault     ${name}: ${flat(fault)}`)),
  ];
}

export function describeViolation({ violation, swarm }: Pick<SeedRun, "violation" | "swarm">): string[] {
  return [`VIOLATION of ${violation!.checker}: ${violation!.message}`, reproduce(swarm.seed)];
}

/** The last line of every failure. */
export const reproduce = (seed: number): string => `npm run sim -- --seed ${seed} --story all`;

const flat = (value: unknown): string =>
  typeof value === "object" && value !== null
    ? Object.entries(value)
        .map(
          ([key, part]) =>
            `${key}=${typeof part === "object" && part !== null ? `(${flat(part)})` : String(part)}`,
        )
        .join(" ")
    : String(value);
