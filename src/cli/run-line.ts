// The line of `shoal run`, first step: shoal's own options, the job's file, and the rest, which only the job
// can read.

import { Command, CommanderError, Option } from "commander";
import { ShoalError } from "../errors.ts";
import { checkOptions, ownOptions } from "./own-options.ts";
import type { RawOptions, RunFlags } from "./own-options.ts";
import { flagOf } from "./params.ts";
import type { JobDescription, ParameterDescription } from "./api.ts";
import { clip, escapeLine, quote } from "./printable.ts";

export interface RunLine {
  /** The job's file as typed, or null if none was. */
  readonly job: string | null;
  readonly flags: RunFlags;
  /** Everything else, in order. */
  readonly rest: readonly string[];
}

const usageHint = "Write: shoal run job.ts --input …";

/** Reads the arguments after `run`. BAD_OPTION for a wrong value of an own option, or for no job. */
export function parseRunLine(args: readonly string[]): RunLine {
  const command = runCommand();
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The one thing that commander can refuse here: an option without its value.
    const flag = /--[a-z-]+/.exec(error.message)?.[0] ?? "an option";
    const about = Object.values(ownOptions).find(({ flags }) => flags.startsWith(`${flag} `))?.about;
    throw new ShoalError("BAD_OPTION", `${flag} needs a value, and nothing follows it`,
      { details: { option: flag }, ...(about === undefined ? {} : { hint: `${flag}: ${about}.` }) });
  }
  const [job, ...rest] = command.args;
  const flags = checkOptions(command.opts() as RawOptions);
  if (job !== undefined && job.startsWith("-") && job !== "-" && !args.includes("--")) {
    const message = `the job's file comes first, before its parameters; received ${quote(job)}`;
    throw new ShoalError("BAD_OPTION", message, { hint: usageHint, details: { received: job } });
  }
  if (job === undefined && !flags.help) {
    throw new ShoalError("BAD_OPTION", "no job is named", { hint: usageHint });
  }
  return { job: job ?? null, flags, rest };
}

export interface HelpSubject {
  /** The job's file as it was typed. */
  readonly typed: string;
  readonly description: JobDescription;
}

/** The help of `shoal run`, with the parameters of a job if there is one. */
export function runHelp(job: HelpSubject | null): string {
  const command = runCommand();
  if (job === null) {
    command.description("Runs the job that the file exports as its default.\n\n" +
      "The job's own parameters are options too: shoal run job.ts --help shows them.");
  } else {
    command.usage(`${escapeLine(job.typed)} [parameters] [options]`);
    command.description(parameterHelp(job.description));
  }
  return command.helpInformation();
}

function runCommand(): Command {
  const command = new Command("shoal run")
    .usage("<job.ts> [the job's parameters] [options]")
    .argument("[job]")
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  command.configureHelp({ visibleArguments: () => [], helpWidth: 100 });
  for (const { flags, about } of Object.values(ownOptions)) command.addOption(new Option(flags, about));
  return command;
}

function parameterHelp({ name, parameters }: JobDescription): string {
  if (parameters.length === 0) return `The job ${escapeLine(name)} has no parameters.`;
  const rows = parameters.map((parameter) => ({ flag: flagText(parameter), about: aboutText(parameter) }));
  const width = Math.max(...rows.map((row) => row.flag.length));
  const lines = rows.map((row) => `  ${row.flag.padEnd(width)}  ${row.about}`);
  return [`Parameters of ${escapeLine(name)}:`, ...lines].join("\n");
}

function flagText({ name, type }: ParameterDescription): string {
  const flag = escapeLine(flagOf(name));
  if (type === "boolean") return flag.startsWith("--param.") ? `${flag}[=false]` : `--[no-]${flag.slice(2)}`;
  return `${flag} <${type.startsWith("number") ? "number" : "text"}>`;
}

function aboutText({ type, default: value }: ParameterDescription): string {
  const shown = `default: ${clip(escapeLine(JSON.stringify(value) ?? "none"), 60)}`;
  return type.endsWith("[]") ? `${shown}; once for each item` : shown;
}
