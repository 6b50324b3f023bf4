// `shoal workers` and `shoal drain`: who is in a cluster, and asking one to leave.

import { formatBytes, formatDuration } from "../base/units.ts";
import { ShoalError } from "../errors.ts";
import { loadClusterApi, type WorkerInfo } from "./api.ts";
import { clusterOf } from "./cluster-options.ts";
import type { ExitCode } from "./exit-codes.ts";
import { perform, type CommandShape } from "./jobs-line.ts";
import type { Paint } from "./paint.ts";
import { escapeLine } from "./printable.ts";
import type { Surroundings } from "./run.ts";

const workersShape: CommandShape = {
  name: "workers",
  usage: "--cluster <url> [options]",
  takes: null,
  options: ["cluster", "json", "help"],
  about: "Lists the workers of a cluster: slots, load, labels, versions.",
};

const drainShape: CommandShape = {
  name: "drain",
  usage: "<worker> --cluster <url> [options]",
  takes: "worker",
  options: ["cluster", "json", "help"],
  about:
    "Asks a worker to take no new job and no new calls, and to leave when what it works on is over. Nothing is lost.",
};

export async function workers(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(workersShape, args, around, async (line) => {
    const list = await (await loadClusterApi()).workers(clusterOf(line.text.cluster, around.env));
    return {
      members: () => ({ workers: list }),
      text: (paint) => [`${workerLines(list, paint).join("\n")}\n`],
    };
  });
}

export async function drain(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(drainShape, args, around, async (line) => {
    if (line.argument === undefined) {
      throw new ShoalError("BAD_OPTION", "no worker is named", {
        hint: "Write: shoal drain w3 --cluster nats://…",
      });
    }
    await (await loadClusterApi()).drainWorker(clusterOf(line.text.cluster, around.env), line.argument);
    return {
      members: () => ({ worker: line.argument }),
      text: () => [
        `${escapeLine(line.argument!)} takes no new job, and leaves when what it works on is over\n`,
      ],
    };
  });
}

function workerLines(list: readonly WorkerInfo[], paint: Paint): string[] {
  if (list.length === 0) return ["No worker answers: start some with `shoal worker --cluster …`."];
  const head = ["worker", "slots", "busy", "calls", "memory", "up", "version", "host", "works on", "labels"];
  const rows = list.map((info) => [
    info.worker,
    String(info.slots),
    String(info.busy),
    `${info.leased} of ${info.callSlots}${info.callsWaiting === 0 ? "" : ` (${info.callsWaiting} wait)`}`,
    formatBytes(info.rssBytes),
    formatDuration(info.upSeconds * 1000),
    info.version,
    `${escapeLine(info.host)} (${info.pid})`,
    info.isDraining ? "leaving" : (info.job ?? info.run ?? "nothing"),
    Object.entries(info.labels)
      .map(([name, value]) => escapeLine(`${name}=${value}`))
      .join(" "),
  ]);
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd();
  return [paint.dim(line(head)), ...rows.map(line)];
}
