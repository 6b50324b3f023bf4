// The help of `shoal each`.

import { Command, Option } from "commander";
import { eachOptions } from "./each-options.ts";

const about = `Runs a shell command for each argument, some at a time, as GNU parallel does. What a job
prints comes out when it has ended, in one piece.

Arguments follow the command: ::: a b c, or :::: file for the lines of files; without either they
are the lines of standard input. Several ::: give all combinations; :::+ goes along with the source
before it. A command that holds no replacement string gets the argument at its end; without a
command the arguments are the commands.

Replacement strings, put in quoted for the shell:
  {}   the argument             {.}  without its extension
  {/}  without its directory    {/.} without either         {//} its directory
  {1} {2.} {-1/} …              the same of one source, or of one of -n arguments
  {#}  the number of the job    {%}  its slot`;

const after = `
Exit status:
  0         all jobs succeeded
  1 to 100  so many jobs failed; 101: more than 100
            with --halt …,fail=1 the failed job's own; with success=… reached 0; with a percentage
            the per cent of jobs that failed
  130       Ctrl-C or SIGTERM
  141       the reader of standard output went away
  255       a wrong option, arguments that cannot be read, or another error

Jobs run by /bin/sh, or $PARALLEL_SHELL, with standard input from /dev/null; $PARALLEL_SEQ is {#},
$PARALLEL_JOBSLOT is {%}. Ctrl-C is passed on to the jobs; those that still run after 5 s are killed.

Examples:
  shoal each gzip -9 ::: *.log
  find . -name '*.flac' -print0 | shoal each -0 --bar 'ffmpeg -i {} {.}.mp3'
  shoal each --joblog log --resume './train --rate {1} --seed {2}' ::: 0.1 0.01 ::: 1 2 3
`;

export function eachHelp(): string {
  const command = new Command("shoal each").helpOption(false).configureHelp({ helpWidth: 104 });
  command.usage("[options] [--] <command> ::: <arguments>").description(about);
  for (const { flags, about: text } of Object.values(eachOptions)) command.addOption(new Option(flags, text));
  return `${command.helpInformation()}${after}`;
}
