// Broken invariants: our bug, never the user's. Thrown, fatal, with the story of the thing that broke.

/** A condition that must hold did not. Carries the invariant's number and the story that led there. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
  readonly invariant: string;
  readonly story: readonly string[];

  constructor(invariant: string, message: string, story: readonly string[] = []) {
    const tail =
      story.length === 0 ? "" : `\nThe story so far:\n${story.map((line) => `  ${line}`).join("\n")}`;
    super(`${invariant} broken: ${message}${tail}`);
    this.invariant = invariant;
    this.story = story;
  }
}

/** Asserts invariant `id`. `message` and `story` are only computed when it is broken. */
export function invariant(
  condition: boolean,
  id: string,
  message: () => string,
  story?: () => readonly string[],
): asserts condition {
  if (!condition) throw new InvariantError(id, message(), story?.());
}

/** For the end of an exhaustive switch: does not compile while a case is missing. */
export function unreachable(value: never, where: string): never {
  throw new InvariantError("I0", `${where}: no case for ${JSON.stringify(value)}`);
}
