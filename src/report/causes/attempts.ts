// Looking into attempts that failed: whole chains of causes, death certificates, and how they read in a sentence.

import type { ErrorData } from "../../errors.ts";
import { formatDuration } from "../../base/units.ts";
import type { Millis } from "../../core/types.ts";
import type { AttemptCase, RunCase, TaskCase } from "../why-case.ts";
import type { Question } from "./finding.ts";

/** The error and its causes, outermost first. */
export function* chainOf(error: ErrorData | undefined): Generator<ErrorData> {
  for (let next = error; next !== undefined; next = next.cause) yield next;
}

export const errorOf = ({ failure }: AttemptCase): ErrorData | undefined =>
  failure === null || failure.kind === "cancelled" ? undefined : failure.error;

/** Whether some error in the chain satisfies `is`. */
export function hasCause(error: ErrorData | undefined, is: (error: ErrorData) => boolean): boolean {
  for (const link of chainOf(error)) if (is(link)) return true;
  return false;
}

/** The message's first line, as a clause: without a full stop at its end. */
export function messageOf(error: ErrorData | undefined): string {
  const line = (error?.message ?? "no error was recorded").split("\n")[0]!;
  return line.replace(/\.$/, "");
}

/** The tasks that the question is about and that had trouble: all of them, or the one asked for. */
export function tasksIn({ case: { tasks }, task }: Question): TaskCase[] {
  if (task === null) return [...tasks.values()];
  const found = tasks.get(task);
  return found === undefined ? [] : [found];
}

/** The attempts of the question's tasks that ended without a result, newest first. */
export function failedIn(question: Question): AttemptCase[] {
  return tasksIn(question)
    .flatMap(({ attempts }) => attempts.filter(({ failure }) => failure !== null))
    .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0));
}

/** Entries that tell of these attempts, and of the job's end where it has ended by them. */
export const evidenceOf = (
  attempts: readonly AttemptCase[],
  more: readonly (number | null)[] = [],
): number[] =>
  [
    ...new Set([...attempts.flatMap(({ entries }) => entries), ...more.filter((entry) => entry !== null)]),
  ].sort((a, b) => a - b);

/** "t3 (task 4 of 16 of stage 1 of 2, read.lines → map)": a task with its place. */
export function placeOf(found: RunCase, task: number): string {
  const stage = found.stageOf(task);
  if (stage === null) return `t${task}`;
  return `t${task} (task ${task - stage.first + 1} of ${stage.tasks} of ${stage.nameAmong(found.stages.length)})`;
}

export const labelOf = (found: RunCase, task: number): string | null =>
  found.opened?.splits[task]?.label ?? null;

/** "t7.1, t7.2 and t7.3"; at most `max` of them by name. */
export function listed(items: readonly string[], max = 6): string {
  if (items.length <= 1) return items[0] ?? "none";
  if (items.length > max) return `${items.slice(0, max).join(", ")} and ${items.length - max} more`;
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)!}`;
}

/** Sentences of a text: what is false or empty is left out. */
export const say = (...sentences: readonly (string | false)[]): string => sentences.filter(Boolean).join(" ");

/** "t7.1 (3.20 s), t8.1 (2.90 s)": attempts with how long they have run. */
export function withAges(attempts: Iterable<AttemptCase>, now: Millis, max?: number): string {
  const ageOf = ({ startedAt, assignedAt }: AttemptCase): number => now - (startedAt ?? assignedAt);
  return listed(
    [...attempts].map((attempt) => `${attempt.id} (${formatDuration(ageOf(attempt))})`),
    max,
  );
}

export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** The frames of a stack, the innermost first, indented; at most `max`. */
export function stackLines(stack: string, max = 12): string[] {
  const frames = stack
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const shown = frames.slice(0, max).map((line) => `    ${line}`);
  return frames.length > max ? [...shown, `    … ${frames.length - max} more frames`] : shown;
}
