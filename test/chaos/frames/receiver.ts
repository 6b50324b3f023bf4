// What takes messages from outside, as the fuzz sees it.

/** A real message, and how to give what became of it to whoever takes it. */
export interface Victim {
  /** Real messages, of all kinds. */
  readonly messages: readonly Uint8Array[];
  /** Gives one, as it arrives: what became of `messages[index]`. Throws, or rejects, as the receiver does. */
  give(bytes: Uint8Array, index: number): void | Promise<void>;
  /** Rejects unless good messages still have their effect. */
  check(): void | Promise<void>;
  close(): void | Promise<void>;
}

export class Deaf extends Error {
  override readonly name = "Deaf";
}

/** The receiver does not go on as it should. */
export function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Deaf(what);
}
