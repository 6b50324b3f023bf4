// The form of a golden dialogue: comments, and between blank lines commands with the trace that they caused.
//
//     # What is being shown.
//     command argument key=value key=(a b) key="some words"
//     more input of the command, line by line
//     ----
//     the trace, up to the next blank line

export interface Command {
  readonly name: string;
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
  /** The lines between the command and its `----`. */
  readonly input: readonly string[];
}

const tokenPattern = /(\w+)=(?:"([^"]*)"|\(([^)]*)\)|(\S+))|"([^"]*)"|(\S+)/g;

export function parseCommand(text: string, input: readonly string[] = []): Command {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (const [, key, quoted, list, plain, quotedWord, word] of text.matchAll(tokenPattern)) {
    if (key !== undefined) options.set(key, quoted ?? list ?? plain ?? "");
    else words.push(quotedWord ?? word ?? "");
  }
  return { name: words[0] ?? "", words: words.slice(1), options, input };
}

/** The dialogue with every trace replaced by what `run` gives for its command. */
export function replay(text: string, run: (command: Command) => readonly string[]): string {
  const lines = text.replace(/\n*$/, "").split("\n");
  const replayed: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    replayed.push(line);
    if (line === "" || line.startsWith("#")) continue;
    const input: string[] = [];
    while (lines[++at] !== "----") {
      if (at >= lines.length || lines[at] === "") throw new Error(`no ---- follows the command "${line}"`);
      input.push(lines[at]!);
    }
    const trace = run(parseCommand(line, input));
    replayed.push(...input, "----", ...(trace.length === 0 ? ["(nothing)"] : trace));
    while (at + 1 < lines.length && lines[at + 1] !== "") at++;
  }
  return `${replayed.join("\n")}\n`;
}
