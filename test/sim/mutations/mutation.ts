// A planted bug: a piece of source text, and what stands in its place. The text must be in the file exactly once, or the
// mutation is an error: it has to be kept up with the code.

export interface Mutation {
  /** Kebab-case, for the table. */
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly bug: string;
  /** Relative to the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** The source with the bug in it. Throws if the text is not there, or more than once. */
export function plant({ name, file, find, replace }: Mutation, source: string): string {
  const parts = source.split(find);
  if (parts.length !== 2)
    throw new Error(
      `the mutation ${name} looks for a text that is ${parts.length - 1} times in ${file}; once was expected:\n${find}`,
    );
  return parts.join(replace);
}
