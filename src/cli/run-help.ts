// The help of `shoal run`: its options, and the parameters of a job if there is one.

import { Command, Option } from "commander";
import type { JobDescription, ParameterDescription } from "./api.ts";
import { ownOptions } from "./own-options.ts";
import { flagOf } from "./params.ts";
import { clip, escapeLine } from "./printable.ts";

export interface HelpSubject {
  /** The job's file as it was typed. */
  readonly typed: string;
  readonly description: JobDescription;
}

export function runHelp(job: HelpSubject | null): string {
  const command = new Command("shoal run").helpOption(false).configureHelp({ helpWidth: 100 });
  for (const { flags, about } of Object.values(ownOptions)) command.addOption(new Option(flags, about));
  if (job === null) {
    command.usage("<job.ts> [the job's parameters] [options]");
    command.description(
      "Runs the job that the file exports as its default.\n\n" +
        "The job's own parameters are options too: shoal run job.ts --help shows them.",
    );
  } else {
    command.usage(`${escapeLine(job.typed)} [parameters] [options]`);
    command.description(parameterHelp(job.description));
  }
  return command.helpInformation();
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
