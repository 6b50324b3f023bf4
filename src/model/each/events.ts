// What happens to a run of `each`, what is ordered because of it, and how both are printed.

export type EachEvent =
  | { readonly kind: "InputArrived"; readonly seq: number }
  | { readonly kind: "InputEnded" }
  /** `ranMs` is the attempt's own time. */
  | {
      readonly kind: "AttemptEnded";
      readonly seq: number;
      readonly isSuccess: boolean;
      readonly ranMs: number;
    }
  /** The system has no room for one more process. */
  | { readonly kind: "StartRefused"; readonly seq: number }
  /** Who asked for results has dealt with this one. */
  | { readonly kind: "ResultTaken"; readonly seq: number }
  /** The signal is passed on to what runs. Asked again, it is passed on again. */
  | { readonly kind: "CancelAsked"; readonly signal: NodeJS.Signals }
  /** Nothing is to start any more; what runs may end. */
  | { readonly kind: "DrainAsked" }
  | { readonly kind: "TimePassed" };

export type EachEffect =
  | { readonly kind: "PullInput" }
  | { readonly kind: "StartAttempt"; readonly seq: number; readonly attempt: number; readonly slot: number }
  /** To the attempt's whole process group. */
  | { readonly kind: "SignalAttempt"; readonly seq: number; readonly signal: NodeJS.Signals }
  /** The attempt that ended does not count: it is tried again, or it was interrupted. */
  | { readonly kind: "DropAttempt"; readonly seq: number; readonly isInterrupted: boolean }
  | { readonly kind: "EmitResult"; readonly seq: number; readonly isTimedOut: boolean }
  | { readonly kind: "Finish" };

/** One line, for golden dialogues. */
export function describe(line: EachEvent | EachEffect): string {
  switch (line.kind) {
    case "InputArrived":
    case "StartRefused":
    case "ResultTaken":
      return `${line.kind} ${line.seq}`;
    case "AttemptEnded":
      return `AttemptEnded ${line.seq} ${line.isSuccess ? "ok" : "failed"} after ${line.ranMs} ms`;
    case "CancelAsked":
      return `CancelAsked ${line.signal}`;
    case "StartAttempt":
      return `StartAttempt ${line.seq}.${line.attempt} in slot ${line.slot}`;
    case "SignalAttempt":
      return `SignalAttempt ${line.seq} ${line.signal}`;
    case "DropAttempt":
      return `DropAttempt ${line.seq}${line.isInterrupted ? " interrupted" : ""}`;
    case "EmitResult":
      return `EmitResult ${line.seq}${line.isTimedOut ? " timed out" : ""}`;
    case "InputEnded":
    case "DrainAsked":
    case "TimePassed":
    case "PullInput":
    case "Finish":
      return line.kind;
  }
}
