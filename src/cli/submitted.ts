// `shoal attach` and `shoal cancel`: a job that was left to a cluster, followed to its end, or ended.

import { ShoalError } from "../errors.ts";
import { loadClusterApi } from "./api.ts";
import { clusterOf } from "./cluster-options.ts";
import type { ExitCode } from "./exit-codes.ts";
import { perform, type CommandShape, type JobsLine } from "./jobs-line.ts";
import { paintFor } from "./paint.ts";
import { escapeLine } from "./printable.ts";
import { ProgressView } from "./progress-view.ts";
import { valueLines } from "./result-text.ts";
import { liveLine, type Surroundings } from "./run.ts";
import { onSignals } from "./signals.ts";

const attachShape: CommandShape = {
  name: "attach",
  usage: "<job> --cluster <url> [options]",
  takes: "job",
  options: ["cluster", "json", "help"],
  about:
    "Follows a job that was left to a cluster, to its end; its value goes to standard output. Ctrl-C ends the\n" +
    "following, not the job. The exit code is that of the job.",
};

const cancelShape: CommandShape = {
  name: "cancel",
  usage: "<job> --cluster <url> [options]",
  takes: "job",
  options: ["cluster", "json", "help"],
  about: "Cancels a job that was left to a cluster.",
};

export async function attach(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(attachShape, args, around, async (line) => {
    const id = idOf(line, "attach");
    const jobs = await (await loadClusterApi()).clusterJobs(clusterOf(line.text.cluster, around.env));
    const view = new ProgressView({
      screen: around.stderr,
      paint: await paintFor(around.env, around.stderr.isTTY === true),
      quiet: false,
      loadLiveLine: () => liveLine(around.stderr),
    });
    const leaving = new AbortController();
    const stopListening = onSignals(around.signals, () =>
      leaving.abort(new ShoalError("CANCELLED", `no longer following ${id}, which goes on`)),
    );
    try {
      const { value, output } = await jobs.attach(id, {
        signal: leaving.signal,
        onProgress: (progress) => view.progress(progress),
        onNote: (note) => view.note(note),
        onOutput: (text) => view.output(text),
      });
      return {
        members: () => ({ id, value, ...(output === null ? {} : { output }) }),
        text: () => (output === null ? valueLines(value) : [`wrote ${escapeLine(output.directory)}\n`]),
      };
    } finally {
      view.close();
      stopListening();
      await jobs.close();
    }
  });
}

export async function cancel(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(cancelShape, args, around, async (line) => {
    const id = idOf(line, "cancel");
    const jobs = await (await loadClusterApi()).clusterJobs(clusterOf(line.text.cluster, around.env));
    try {
      const info = await jobs.cancel(id, "cancelled by shoal cancel");
      return { members: () => ({ id, state: info.state }), text: () => [`${id} is ${info.state}\n`] };
    } finally {
      await jobs.close();
    }
  });
}

function idOf({ argument }: JobsLine, verb: string): string {
  if (argument !== undefined) return argument;
  throw new ShoalError("BAD_OPTION", "no job is named", {
    hint: `Write: shoal ${verb} s12 --cluster nats://…`,
  });
}
