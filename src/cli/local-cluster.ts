// `shoal up` and `shoal down`: a small cluster on this machine.

import { loadClusterApi } from "./api.ts";
import { wholeOf } from "./cluster-options.ts";
import type { ExitCode } from "./exit-codes.ts";
import { perform, type CommandShape } from "./jobs-line.ts";
import { escapeLine } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const upShape: CommandShape = {
  name: "up",
  usage: "[options]",
  takes: null,
  options: ["workers", "slots", "port", "state", "json", "help"],
  abouts: { slots: "slots of each worker (default: the machine's cores)" },
  about:
    "Starts a small cluster on this machine: a NATS server, found on PATH, and workers. `shoal down` ends it.",
};

const downShape: CommandShape = {
  name: "down",
  usage: "[options]",
  takes: null,
  options: ["state", "json", "help"],
  about: "Ends the cluster that `shoal up` started with this state directory.",
};

export async function up(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(upShape, args, around, async (line) => {
    const workers = wholeOf(line, "workers", 1, 64);
    const slots = wholeOf(line, "slots", 1, 1024);
    const port = wholeOf(line, "port", 1, 65_535);
    const cluster = await (
      await loadClusterApi()
    ).startCluster({
      ...line.where,
      ...(workers === undefined ? {} : { workers }),
      ...(slots === undefined ? {} : { slots }),
      ...(port === undefined ? {} : { port }),
    });
    const { length } = cluster.workers;
    return {
      members: () => ({ ...cluster }),
      text: () => [
        `${length} ${length === 1 ? "worker is" : "workers are"} ready at ${cluster.url}\n`,
        `  shoal run job.ts --cluster ${cluster.url}\n`,
        `  shoal workers --cluster ${cluster.url}\n`,
        `What they print goes to ${escapeLine(cluster.logs)}; shoal down ends them.\n`,
      ],
    };
  });
}

export async function down(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(downShape, args, around, async ({ where }) => {
    const ended = await (await loadClusterApi()).stopCluster(where);
    return {
      members: () => ({ ended }),
      text: () => [ended === 0 ? "no cluster runs here\n" : `${ended} processes were ended\n`],
    };
  });
}
