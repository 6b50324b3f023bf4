// Why no worker takes part in a job, in a sentence: there is none, or all are at work on other jobs. Each works on one job
// at a time, the first that it hears of when it is free. Pure.

import type { WorkerInfo } from "./held.ts";

type Asked = Pick<WorkerInfo, "run" | "job" | "isDraining">;

const namesMax = 4;

/** Of those that answered. */
export function whyAlone(workers: readonly Asked[], run: string): string {
  const staying = workers.filter(({ isDraining }) => !isDraining);
  const elsewhere = staying.filter((one) => one.run !== null && one.run !== run);
  if (staying.length === 0 && workers.length > 0)
    return "waits for workers: those that are there are leaving, start some with `shoal worker`";
  if (staying.length === 0 || elsewhere.length < staying.length)
    return "no worker has joined yet: start some with `shoal worker`";
  const who = elsewhere.length === 1 ? "the only one is" : `all ${elsewhere.length} are`;
  return `waits for workers: ${who} at work on ${listed(elsewhere.map((one) => one.job ?? one.run!))}`;
}

function listed(names: readonly string[]): string {
  const different = [...new Set(names)].sort();
  const shown = different.slice(0, namesMax);
  const more = different.length - shown.length;
  if (more > 0) return `${shown.join(", ")} and ${more} more`;
  return shown.length === 1 ? shown[0]! : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)!}`;
}
