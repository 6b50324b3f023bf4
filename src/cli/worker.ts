// `shoal worker`: a worker of a cluster, until it is told to leave.

import { parseBytes } from "../base/units.ts";
import { ShoalError } from "../errors.ts";
import { loadClusterApi } from "./api.ts";
import { clusterOf, wholeOf } from "./cluster-options.ts";
import type { ExitCode } from "./exit-codes.ts";
import { perform, type CommandShape, type JobsLine } from "./jobs-line.ts";
import { escapeLine, quote } from "./printable.ts";
import type { Surroundings } from "./run.ts";
import { onSignals } from "./signals.ts";

const shape: CommandShape = {
  name: "worker",
  usage: "--cluster <url> [options]",
  takes: null,
  options: ["cluster", "slots", "memory", "isolation", "label", "directory", "json", "help"],
  abouts: { slots: "tasks that run at a time, 1 to 1024 (default: the machine's cores)" },
  about:
    "Offers this machine's slots to a cluster. Waits for a NATS server that is not there yet.\n\n" +
    "SIGTERM or Ctrl-C, or `shoal drain`: takes no new job, and leaves when the one that it works on is over;\n" +
    "a second one ends it at once, and others do its work again.",
};

export async function worker(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async (line) => {
    const url = clusterOf(line.text.cluster, around.env);
    const api = await loadClusterApi();
    const note = (text: string): void => void around.stderr.write(`${escapeLine(text)}\n`);
    let leave = (): void => {};
    const told = new Promise<void>((resolve) => (leave = resolve));
    const stopListening = onSignals(around.signals, (signal) => {
      note(`${signal}: leaves when the job that it works on is over; once more ends it at once`);
      leave();
    });
    // The timer keeps the process alive: the connection alone does not while NATS is away.
    const alive = setInterval(() => {}, 60_000);
    try {
      const handle = await api.startWorker(url, { ...optionsOf(line), onNote: note, onDrain: leave });
      note(`${handle.id} is ready`);
      await told;
      await handle.drain();
      const { id } = handle;
      await handle.close();
      return { members: () => ({ worker: id }), text: () => [`${id} has left\n`] };
    } finally {
      clearInterval(alive);
      stopListening();
    }
  });
}

function optionsOf(line: JobsLine): Record<string, unknown> {
  const { text } = line;
  const slots = wholeOf(line, "slots", 1, 1024);
  const memoryBytes = text.memory === undefined ? undefined : parseBytes(text.memory);
  if (memoryBytes === null || (memoryBytes !== undefined && memoryBytes < 2 ** 20)) {
    throw bad("memory", text.memory!, "a size of at least 1m, such as 256m or 2g");
  }
  if (text.isolation !== undefined && !["thread", "process"].includes(text.isolation)) {
    throw bad("isolation", text.isolation, "thread or process");
  }
  return {
    ...(slots === undefined ? {} : { slots }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(text.isolation === undefined ? {} : { isolation: text.isolation }),
    ...(text.directory === undefined ? {} : { directory: text.directory }),
    labels: Object.fromEntries(line.labels.map(labelOf)),
  };
}

function labelOf(text: string): [string, string] {
  const match = /^([A-Za-z0-9._-]{1,60})=(.{0,200})$/.exec(text);
  if (match === null) throw bad("label", text, "name=value, such as gpu=a100");
  return [match[1]!, match[2]!];
}

const bad = (option: string, received: string, expected: string): ShoalError =>
  new ShoalError("BAD_OPTION", `--${option} must be ${expected}, received ${quote(received)}`, {
    details: { option: `--${option}`, received },
  });
