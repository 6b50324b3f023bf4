// `shoal worker`: a worker of a cluster, until it is told to leave.

import { readFileSync } from "node:fs";
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
  options: [
    "cluster",
    "slots",
    "call-slots",
    "memory",
    "isolation",
    "host",
    "port",
    "tls-cert",
    "tls-key",
    "label",
    "directory",
    "json",
    "help",
  ],
  abouts: {
    slots: "tasks that run at a time, 1 to 1024 (default: the machine's cores)",
    port: "port on which blocks are served to other workers (default: any)",
  },
  about:
    "Offers this machine's slots to a cluster. Waits for a NATS server that is not there yet.\n\n" +
    "SIGTERM or Ctrl-C, or `shoal drain`: takes no new job and no new calls, and leaves when the job that it works on\n" +
    "is over, and the calls that run; a second one ends it at once, and others do its work again.",
};

export async function worker(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  return await perform(shape, args, around, async (line) => {
    const url = clusterOf(line.text.cluster, around.env);
    const api = await loadClusterApi();
    const note = (text: string): void => void around.stderr.write(`${escapeLine(text)}\n`);
    let leave = (): void => {};
    let giveUp = (_error: ShoalError): void => {};
    const told = new Promise<void>((resolve, reject) => ([leave, giveUp] = [resolve, reject]));
    told.catch(() => {}); // it may be given up before anybody waits for it
    const stopListening = onSignals(around.signals, (signal) => {
      note(`${signal}: leaves when what it works on is over; once more ends it at once`);
      leave();
    });
    // The timer keeps the process alive: the connection alone does not while NATS is away.
    const alive = setInterval(() => {}, 60_000);
    try {
      const handle = await api.startWorker(url, {
        ...optionsOf(line),
        onNote: note,
        onDrain: leave,
        onForgotten: giveUp,
      });
      note(`${handle.id} is ready`);
      await told.catch(async (error: unknown) => {
        await handle.close();
        throw error;
      });
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
  const callSlots = wholeOf(line, "call-slots", 1, 4096);
  const memoryBytes = text.memory === undefined ? undefined : parseBytes(text.memory);
  if (memoryBytes === null || (memoryBytes !== undefined && memoryBytes < 2 ** 20)) {
    throw bad("memory", text.memory!, "a size of at least 1m, such as 256m or 2g");
  }
  if (text.isolation !== undefined && !["thread", "process"].includes(text.isolation)) {
    throw bad("isolation", text.isolation, "thread or process");
  }
  const port = wholeOf(line, "port", 1, 65_535);
  const tls = tlsOf(line);
  return {
    ...(text.host === undefined ? {} : { host: text.host }),
    ...(port === undefined ? {} : { port }),
    ...(tls === null ? {} : { tls }),
    ...(slots === undefined ? {} : { slots }),
    ...(callSlots === undefined ? {} : { callSlots }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(text.isolation === undefined ? {} : { isolation: text.isolation }),
    ...(text.directory === undefined ? {} : { directory: text.directory }),
    labels: Object.fromEntries(line.labels.map(labelOf)),
  };
}

/** What --tls-cert and --tls-key name. */
function tlsOf({ text }: JobsLine): { cert: string; key: string } | null {
  const files = [text["tls-cert"], text["tls-key"]] as const;
  if (files.every((file) => file === undefined)) return null;
  const [cert, key] = files.map((file, i) => {
    const option = i === 0 ? "tls-cert" : "tls-key";
    if (file === undefined) {
      throw new ShoalError("BAD_OPTION", `--${option} is missing: a certificate and its key go together`);
    }
    try {
      return readFileSync(file, "utf8");
    } catch (cause) {
      throw bad(option, file, `a file that can be read (${(cause as Error).message})`);
    }
  });
  return { cert: cert!, key: key! };
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
