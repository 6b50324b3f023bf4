// The line of `shoal run`, first step: shoal's own options, the job's file, and the rest, which only the job
// can read.
//
// By node's own parser: slots start only after this step, so that what it loads delays every run.

import { parseArgs } from "node:util";
import { ShoalError } from "../errors.ts";
import { checkOptions, ownOptions } from "./own-options.ts";
import type { OwnName, RunFlags } from "./own-options.ts";
import { quote } from "./printable.ts";

export interface RunLine {
  /** The job's file as typed, or null if none was. */
  readonly job: string | null;
  readonly flags: RunFlags;
  /** Everything else, in order. */
  readonly rest: readonly string[];
}

const usageHint = "Write: shoal run job.ts --input …";

/** "split-size" → its entry. */
const entries = new Map(
  (Object.keys(ownOptions) as OwnName[]).map((name) => {
    const { flags } = ownOptions[name];
    return [/--([a-z-]+)/.exec(flags)![1]!, { name, takesValue: flags.includes("<") }];
  }),
);

const parserOptions = Object.fromEntries(
  [...entries].map(([typed, { takesValue }]) => [
    typed,
    { type: takesValue ? ("string" as const) : ("boolean" as const) },
  ]),
);

/** Reads the arguments after `run`. BAD_OPTION for a wrong value of an own option, or for no job. */
export function parseRunLine(args: readonly string[]): RunLine {
  const { tokens } = parseArgs({
    args: [...args],
    options: parserOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const raw: Partial<Record<OwnName, string | boolean>> = {};
  const rest: string[] = [];
  let isTerminated = false;
  let lastIndex = -1;
  for (const token of tokens) {
    const arg = args[token.index]!;
    const isRepeated = token.index === lastIndex; // `-abc` comes as three tokens of one argument
    lastIndex = token.index;
    const own = token.kind === "option" ? ownValue(token.name, token.value, arg) : null;
    if (own !== null) raw[own.name] = own.value;
    else if (token.kind === "option-terminator" && rest.length === 0) isTerminated = true;
    else if (!isRepeated) rest.push(arg);
  }
  const flags = checkOptions(raw);
  const job = rest.shift();
  if (job === undefined && !flags.help) {
    throw new ShoalError("BAD_OPTION", "no job is named", { hint: usageHint });
  }
  if (job?.startsWith("-") === true && !isTerminated) {
    const message = `the job's file comes first, before its parameters; received ${quote(job)}`;
    throw new ShoalError("BAD_OPTION", message, { hint: usageHint, details: { received: job } });
  }
  return { job: job ?? null, flags, rest };
}

interface OwnValue {
  readonly name: OwnName;
  readonly value: string | true;
}

/** What `arg` says of an option of shoal's own, or null if it is none (or `--json=1`: refused later). */
function ownValue(typed: string, value: string | undefined, arg: string): OwnValue | null {
  if (arg === "-h") return { name: "help", value: true };
  const entry = entries.get(typed);
  if (entry === undefined || !arg.startsWith(`--${typed}`)) return null;
  if (!entry.takesValue) return arg === `--${typed}` ? { name: entry.name, value: true } : null;
  if (value !== undefined) return { name: entry.name, value };
  throw new ShoalError("BAD_OPTION", `--${typed} needs a value, and nothing follows it`, {
    hint: `--${typed}: ${ownOptions[entry.name].about}.`,
    details: { option: `--${typed}` },
  });
}
