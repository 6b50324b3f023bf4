// `shoal jobs`: the jobs of the state directory as a table.

import { formatDuration } from "../base/units.ts";
import { loadClusterApi, loadJobsApi, type JobInfo, type SubmittedInfo } from "./api.ts";
import { addressOf, clusterMeant } from "./cluster-options.ts";
import type { ExitCode } from "./exit-codes.ts";
import { perform, type Answer, type CommandShape } from "./jobs-line.ts";
import type { Paint } from "./paint.ts";
import { clip, escapeLine } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const shape: CommandShape = {
  name: "jobs",
  usage: "[options]",
  takes: null,
  options: ["state", "cluster", "json", "help"],
  about:
    "Lists the jobs that ran or run with the state directory, or were left to a cluster, the latest first. Where\n" +
    "SHOAL_CLUSTER names a cluster, its jobs are listed; --state lists those here all the same.",
};

export async function jobs(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async ({ where, text }) => {
    const cluster = clusterMeant(text, around.env);
    if (cluster !== undefined) return await submitted(cluster);
    const list = await (await loadJobsApi()).jobs(where);
    return {
      members: () => ({ jobs: list }),
      text: (paint) => [`${jobLines(list, paint, Date.now()).join("\n")}\n`],
    };
  });
}

async function submitted(url: string): Promise<Answer> {
  const asked = await (await loadClusterApi()).clusterJobs(addressOf(url));
  try {
    const list = await asked.list();
    return {
      members: () => ({ jobs: list }),
      text: (paint) => [`${submittedLines(list, paint, Date.now()).join("\n")}\n`],
    };
  } finally {
    await asked.close();
  }
}

function submittedLines(list: readonly SubmittedInfo[], paint: Paint, now: number): string[] {
  if (list.length === 0) return ["No jobs yet: shoal submit <job.ts> --cluster … leaves one to the cluster."];
  const rows = list.map(({ id, job, state, submittedAt, endedAt, leader, leaders, waits }) => [
    id,
    clip(escapeLine(job), 32),
    state,
    localTime(submittedAt),
    formatDuration((endedAt ?? now) - submittedAt),
    waits !== null
      ? escapeLine(waits)
      : leader === null
        ? ""
        : `led by ${escapeLine(leader.host)} (${leader.pid})${leaders > 1 ? `, after ${leaders - 1} others` : ""}`,
  ]);
  return table(["id", "job", "state", "submitted", "for", ""], rows, paint, (i) =>
    list[i]!.state === "queued" ? "dim" : colours[list[i]!.state as "running"],
  );
}

const colours: Readonly<Record<JobInfo["state"], keyof Paint>> = {
  running: "cyan",
  succeeded: "green",
  failed: "red",
  cancelled: "yellow",
  "cut-off": "yellow",
};

export function jobLines(list: readonly JobInfo[], paint: Paint, now: number): string[] {
  if (list.length === 0) return ["No jobs yet: shoal run <job.ts> runs one."];
  const rows = list.map((info) => [
    info.run,
    clip(escapeLine(info.job), 32),
    info.state,
    localTime(info.startedAt),
    info.state === "cut-off" ? "" : formatDuration((info.endedAt ?? now) - info.startedAt),
    info.finishedTasks === null ? `${info.tasks} tasks` : `${info.finishedTasks}/${info.tasks} tasks`,
    info.incarnation > 1
      ? `continued ${info.incarnation - 1} ${info.incarnation === 2 ? "time" : "times"}`
      : "",
  ]);
  const head = ["run", "job", "state", "began", "took", "", ""];
  return table(head, rows, paint, (i) => colours[list[i]!.state]);
}

/** The third column has the row's colour; the fifth, a time, stands right. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  colourOf: (row: number) => keyof Paint,
): string[] {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[], colour?: keyof Paint): string =>
    cells
      .map((cell, i) => {
        const padded = i === 4 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
        return colour !== undefined && i === 2 ? paint[colour](padded) : padded;
      })
      .join("  ")
      .trimEnd();
  return [paint.dim(line(head)), ...rows.map((row, i) => line(row, colourOf(i)))];
}

/** "2026-11-20 10:45:01", in the machine's time zone. */
function localTime(at: number): string {
  const date = new Date(at);
  const two = (n: number): string => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
