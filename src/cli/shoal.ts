// The commands of `shoal`, and what it says when there is none of that name. Loads nothing before it knows
// which.

import { readFileSync } from "node:fs";
import { nearest } from "../base/near.ts";
import { ShoalError } from "../errors.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import type { ExitCode } from "./exit-codes.ts";
import { OutputStream } from "./output-stream.ts";
import { quote } from "./printable.ts";
import type { Surroundings } from "./run.ts";

interface CommandEntry {
  readonly about: string;
  /** Gives the exit code: of exit-codes.ts, but for `each`, whose codes are GNU parallel's. */
  readonly perform: (args: readonly string[], around: Surroundings) => Promise<ExitCode | number>;
}

/** To add a command: a file that exports what performs it, and an entry here. */
const commands: Readonly<Record<string, CommandEntry>> = {
  run: {
    about: "run a job: shoal run job.ts [its parameters] [options]",
    perform: async (args, around) => (await import("./run.ts")).run(args, around),
  },
  each: {
    about: "run a shell command for each argument: shoal each 'gzip -9 {}' ::: *.log",
    perform: async (args, around) => (await import("./each.ts")).each(args, around),
  },
  jobs: {
    about: "list the jobs that ran or run here",
    perform: async (args, around) => (await import("./jobs.ts")).jobs(args, around),
  },
  why: {
    about: "why a job is not finished, a slot idle, a task failed: shoal why [job] [--task t7]",
    perform: async (args, around) => (await import("./why.ts")).why(args, around),
  },
  events: {
    about: "the causal story of a job or task: shoal events [job] [--task t7]",
    perform: async (args, around) => (await import("./events.ts")).events(args, around),
  },
  report: {
    about: "where a job's time went: shoal report [job] [--explain]",
    perform: async (args, around) => (await import("./report.ts")).report(args, around),
  },
  "what-if": {
    about: "predict a finished job's time on other slots: shoal what-if [job] --slots 4,16,64",
    perform: async (args, around) => (await import("./what-if.ts")).whatIf(args, around),
  },
  submit: {
    about: "leave a job to a cluster: shoal submit job.ts [its parameters] --cluster @client.url",
    perform: async (args, around) => (await import("./run.ts")).submit(args, around),
  },
  attach: {
    about: "follow a job that was left to a cluster: shoal attach s12",
    perform: async (args, around) => (await import("./submitted.ts")).attach(args, around),
  },
  cancel: {
    about: "cancel a job that was left to a cluster: shoal cancel s12",
    perform: async (args, around) => (await import("./submitted.ts")).cancel(args, around),
  },
  worker: {
    about: "offer this machine's slots to a cluster: shoal worker --cluster @worker.url",
    perform: async (args, around) => (await import("./worker.ts")).worker(args, around),
  },
  workers: {
    about: "list the workers of a cluster",
    perform: async (args, around) => (await import("./workers.ts")).workers(args, around),
  },
  drain: {
    about: "ask a worker to leave when its job is over: shoal drain w3",
    perform: async (args, around) => (await import("./workers.ts")).drain(args, around),
  },
  cluster: {
    about: "make credentials for a cluster: shoal cluster init",
    perform: async (args, around) => (await import("./cluster-init.ts")).cluster(args, around),
  },
  up: {
    about: "start a small cluster on this machine",
    perform: async (args, around) => (await import("./local-cluster.ts")).up(args, around),
  },
  down: {
    about: "end the cluster that `shoal up` started",
    perform: async (args, around) => (await import("./local-cluster.ts")).down(args, around),
  },
};

const help = `Usage: shoal <command>

Commands:
${Object.entries(commands)
  .map(([name, { about }]) => `  ${name.padEnd(8)}${about}`)
  .join("\n")}

Options:
  --version  show the version
  --help     show this help; shoal <command> --help shows the command's
`;

/** Runs the command that `argv` names (without node and script). Never rejects. */
export async function shoal(argv: readonly string[], around: Surroundings): Promise<ExitCode | number> {
  const [name, ...args] = argv;
  if (name === undefined) {
    around.stderr.write(help);
    return exitCodes.usage;
  }
  try {
    if (name === "--version" || name === "-V") return await print(`${version()}\n`, around);
    if (name === "--help" || name === "-h") return await print(help, around);
    if (name === "help" && args.length === 0) return await print(help, around);
    if (name === "help") return await find(args[0]!).perform(["--help"], around);
    return await find(name).perform(args, around);
  } catch (error) {
    const { failureLines } = await import("./failure-text.ts");
    around.stderr.write(`${failureLines(error).join("\n")}\n`);
    return exitCodeOf(error);
  }
}

async function print(text: string, around: Surroundings): Promise<ExitCode> {
  await new OutputStream(around.stdout).write([text]);
  return exitCodes.success;
}

function find(name: string): CommandEntry {
  if (Object.hasOwn(commands, name)) return commands[name]!;
  const isOption = name.startsWith("-");
  const names = Object.keys(commands);
  const isJob = /\.[cm]?[jt]sx?$/.test(name);
  const near = isJob
    ? quote(`shoal run ${name}`)
    : (nearest(name, isOption ? ["--version", "--help"] : names) ??
      names.find((other) => letters(other) === letters(name)));
  const suggestion = near === undefined ? "" : `; did you mean ${near}?`;
  throw new ShoalError(
    "BAD_OPTION",
    `unknown ${isOption ? "option" : "command"} ${quote(name)}${suggestion}`,
    { hint: "shoal --help lists the commands.", details: { received: name } },
  );
}

/** Equal for words whose letters are only swapped: "rnu" and "run". */
const letters = (word: string): string => [...word].sort().join("");

/** From package.json, which lies two directories above both dist/cli and src/cli. */
function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
