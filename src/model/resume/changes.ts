// What has changed since an earlier process worked on the job, and what of its work still counts. Pure.
//
//   program, parameters, partitions changed   nothing counts: any function may depend on them
//   input changed                             map tasks whose splits are as they were count, and nothing after them
//   nothing changed                           everything counts

import { formatDuration } from "../../base/units.ts";
import type { ParameterValue } from "../../plan/job.ts";
import type { RunOpened } from "../../protocol/journal.ts";
import type { Past } from "../../protocol/past.ts";

export type Changes =
  | { readonly kind: "none" }
  /** `kept`: for each map task of now, the one of then with the same split. */
  | { readonly kind: "input"; readonly kept: ReadonlyMap<number, number>; readonly note: string }
  | { readonly kind: "all"; readonly note: string };

/** `hashes`: contents of splits of now, by index, where they may tell that a file was only touched. */
export function changesSince(past: Past, now: RunOpened, hashes: ReadonlyMap<number, string>): Changes {
  const { opened: then } = past;
  if (then.version !== now.version) return { kind: "all", note: "shoal has another version" };
  if (then.program !== now.program || then.fingerprint !== now.fingerprint) {
    return { kind: "all", note: "the program has changed" };
  }
  const parameters = changedParameters(then.parameters, now.parameters);
  if (parameters.length > 0) {
    const have = parameters.length === 1 ? "a parameter has" : "parameters have";
    return { kind: "all", note: `${have} changed (${parameters.join("; ")})` };
  }
  const isCounted = [now, then].every(({ splits, stages }) => splits.length === stages[0]?.tasks);
  const kept = isCounted ? sameSplits(past, now, hashes) : new Map<number, number>();
  const isSameInput =
    isCounted &&
    kept.size === now.splits.length &&
    now.splits.length === then.splits.length &&
    [...kept].every(([task, old]) => task === old);
  const later = ({ stages }: RunOpened): string =>
    stages
      .slice(1)
      .map(({ tasks }) => tasks)
      .join();
  if (now.stages.length !== then.stages.length || later(now) !== later(then)) {
    const why = isSameInput ? "" : "the input has changed, and with it ";
    return { kind: "all", note: `${why}the number of partitions${isSameInput ? " has changed" : ""}` };
  }
  return isSameInput ? { kind: "none" } : { kind: "input", kept, note: inputNote(then, now, kept) };
}

function sameSplits(past: Past, now: RunOpened, hashes: ReadonlyMap<number, string>): Map<number, number> {
  const byKey = indexed(past.opened.splits.map(({ key }, task) => [key, task] as const));
  const byHash = indexed([...past.hashes].map(([task, hash]) => [hash, task] as const));
  const kept = new Map<number, number>();
  const taken = new Set<number>();
  const take = (task: number, candidates: readonly number[] | undefined): void => {
    const old = candidates?.find((candidate) => !taken.has(candidate));
    if (old === undefined) return;
    kept.set(task, old);
    taken.add(old);
  };
  now.splits.forEach(({ key }, task) => take(task, byKey.get(key)));
  for (const [task, hash] of hashes) if (!kept.has(task)) take(task, byHash.get(hash));
  return kept;
}

function indexed(pairs: readonly (readonly [string, number])[]): Map<string, number[]> {
  const index = new Map<string, number[]>();
  for (const [key, task] of pairs) {
    const tasks = index.get(key);
    if (tasks === undefined) index.set(key, [task]);
    else tasks.push(task);
  }
  return index;
}

const namesMax = 3;
const textMax = 40;

/** "limit was 3, is 5": at most a few, of bounded length. */
export function changedParameters(then: RunOpened["parameters"], now: RunOpened["parameters"]): string[] {
  const names = [...new Set([...Object.keys(then), ...Object.keys(now)])].sort();
  const changed = names.filter((name) => JSON.stringify(then[name]) !== JSON.stringify(now[name]));
  const shown = changed
    .slice(0, namesMax)
    .map((name) => `${name} was ${show(then[name])}, is ${show(now[name])}`);
  return changed.length > namesMax ? [...shown, `${changed.length - namesMax} more`] : shown;
}

function show(value: ParameterValue | undefined): string {
  const text = JSON.stringify(value) ?? "not there";
  return text.length <= textMax ? text : `${text.slice(0, textMax)}…`;
}

function inputNote(then: RunOpened, now: RunOpened, kept: ReadonlyMap<number, number>): string {
  const changed = now.splits.filter((_, task) => !kept.has(task));
  const parts: string[] = [];
  if (changed.length > 0) {
    const names = changed
      .slice(0, namesMax)
      .map(({ label }) => label)
      .join(", ");
    const more = changed.length > namesMax ? ` and ${changed.length - namesMax} more` : "";
    const are = changed.length === 1 ? "is" : "are";
    parts.push(`${changed.length} of ${now.splits.length} splits ${are} other than before: ${names}${more}`);
  }
  const gone = then.splits.length - kept.size;
  const splits = gone === 1 ? "split is" : "splits are";
  if (changed.length === 0) parts.push(gone > 0 ? `${gone} ${splits} gone` : "its order is another");
  return `the input has changed (${parts.join("; ")})`;
}

/** "the run of 12 s ago": for notes. */
export const agoText = ({ at }: { readonly at: number }, now: number): string =>
  `${formatDuration(Math.max(0, now - at))} ago`;
