// The registry of error codes, and the one error class of the public API.
//
// Not here: broken invariants (base/assert.ts), which are our bugs and never reach a user as a ShoalError.
//
// Each code says whether the thing asked for certainly did not happen (`definite`), whether asking again can help
// (`retryable`), and what to do (`hint`). Codes are stable; texts are not.

interface CodeEntry {
  /** True: what was asked for certainly did not happen. False: it may have happened. */
  readonly definite: boolean;
  /** True: the same request may succeed later without a change. */
  readonly retryable: boolean;
  /** What to do about it, in one sentence. Overridden by a more specific hint where there is one. */
  readonly hint: string;
}

const entry = (definite: boolean, retryable: boolean, hint: string): CodeEntry => ({
  definite,
  retryable,
  hint,
});

export const errorCodes = {
  // the command line and options
  BAD_OPTION: entry(true, false, "Correct the option; --help lists them."),
  BAD_PARAMETER: entry(true, false, "Correct the job's parameter; `shoal run <job> --help` lists them."),
  // the program
  JOB_NOT_FOUND: entry(true, false, "Check the path of the job's file."),
  NOT_A_JOB: entry(true, false, "Export the job as the default: export default job({ … }, …)."),
  BUNDLE_FAILED: entry(true, false, "Correct the program at the place named."),
  PLAN_INVALID: entry(true, false, "Correct the plan at the place named."),
  PLAN_DIFFERS: entry(
    true,
    false,
    "Make the plan a pure function of its parameters: no clock, chance or environment in it.",
  ),
  // input
  INPUT_NOT_FOUND: entry(
    true,
    false,
    "Check the path or pattern; quote patterns, so that the shell does not expand them.",
  ),
  INPUT_UNREADABLE: entry(true, false, "Check the file's permissions and that it is a regular file."),
  INPUT_NOT_A_FILE: entry(true, false, "Only regular files and directories of them can be read."),
  INPUT_CHANGED: entry(true, true, "Run again when nothing writes to the input."),
  INPUT_ENCODING: entry(
    true,
    false,
    'Convert the file to UTF-8, or read it with { encoding: "latin1" } or { invalid: "skip" }.',
  ),
  INPUT_CORRUPT: entry(true, false, "Make the file anew from its source."),
  RECORD_TOO_LARGE: entry(
    true,
    false,
    "Is this the right file and separator? Raise recordBytesMax if it is.",
  ),
  STORE_FAILED: entry(
    true,
    true,
    "Check the store's endpoint and the network, and run the same command again.",
  ),
  STORE_REFUSED: entry(true, false, "Check the bucket's name, the credentials, and what they allow."),
  // keys, values, user code
  KEY_INVALID: entry(
    true,
    false,
    "Use a string, number, bigint, boolean, Date, bytes, null, or an array of these as the key.",
  ),
  VALUE_INVALID: entry(true, false, "Emit plain data: no functions, symbols, class instances or promises."),
  RECORD_INVALID: entry(true, false, "Make the function return what the operator expects."),
  USER_ERROR: entry(true, false, "Correct the function at the line named."),
  NEVER_SETTLES: entry(
    true,
    false,
    "A promise that the function returned can never settle: nothing is left that could settle it.",
  ),
  NO_SUCH_FUNCTION: entry(true, false, "Export the function from the module, or correct its name."),
  QUEUE_FULL: entry(
    true,
    true,
    "Wait for calls to end before making more, or use map(), which waits by itself.",
  ),
  SLOTS_TAKEN: entry(
    true,
    true,
    "Wait for other clients to end, or start more workers; shoal workers shows who lends how many (--call-slots).",
  ),
  DEADLINE_EXCEEDED: entry(false, true, "Allow more time, or use more slots."),
  TASK_TIMEOUT: entry(true, true, "Raise the time limit, or make the task smaller."),
  SLOT_LOST: entry(false, true, "The code in the slot ended it; the message says how."),
  WORKER_FULL: entry(
    true,
    true,
    "This is a bug in shoal if it repeats: more attempts were assigned to a worker than it has slots.",
  ),
  OUT_OF_MEMORY: entry(true, true, "Use smaller splits, fewer slots, or raise --memory."),
  POISON_TASK: entry(true, false, "This task ended every slot that it ran in; see the cause."),
  ATTEMPTS_EXHAUSTED: entry(true, true, "See the cause of the last attempt."),
  // blocks and output
  BLOCK_LOST: entry(true, true, "The map output is made anew by itself; if it repeats, check the disk."),
  OUTPUT_NOT_EMPTY: entry(
    true,
    false,
    "Name another output directory, or pass --overwrite to replace this one.",
  ),
  OUTPUT_INVALID: entry(true, false, "Name a directory that is outside the input and that can be written."),
  OUTPUT_BUSY: entry(true, true, "Wait for the other run to end, or name another output directory."),
  OUTPUT_FAILED: entry(true, true, "Check the disk's free space and permissions."),
  SCRATCH_FAILED: entry(true, true, "Check the free space and permissions of the state directory."),
  // the system
  STATE_LOCKED: entry(true, true, "Wait for the other run to end, or use another --state directory."),
  JOURNAL_FAILED: entry(
    true,
    true,
    "Check the free space and health of the disk, then run the same command: it continues.",
  ),
  JOURNAL_DAMAGED: entry(
    true,
    false,
    "Run it with --fresh to start anew, or bring the file back from a copy.",
  ),
  STATE_NEWER: entry(
    true,
    false,
    "Use the newer version of shoal that wrote this state, or another --state directory.",
  ),
  RUN_UNKNOWN: entry(true, false, "List the jobs that are known: shoal jobs."),
  RUN_UNFINISHED: entry(true, false, "Ask `shoal why` what became of it; the same command continues it."),
  // the cluster
  CLUSTER_UNREACHABLE: entry(
    true,
    true,
    "Check the address and that nats-server runs there with JetStream (-js); `shoal up` starts a cluster on this machine.",
  ),
  CLUSTER_REFUSED: entry(true, false, "Check the credentials, or ask who runs the cluster for some."),
  CLUSTER_RUNNING: entry(true, false, "Use it, or end it first: shoal down."),
  NATS_SERVER_MISSING: entry(
    true,
    false,
    "Install it: apt install nats-server, brew install nats-server, or from https://nats.io/download.",
  ),
  CLUSTER_FAILED: entry(true, true, "Run the same command again: it continues."),
  PROTOCOL_DIFFERS: entry(true, false, "Use the same version of shoal on all machines of the cluster."),
  WORKER_UNKNOWN: entry(true, false, "List the workers: shoal workers."),
  CANCELLED: entry(true, false, "Run it again."),
  DRAINING: entry(true, true, "Make the call on a connection that is not being drained."),
  CLOSED: entry(true, false, "Connect again."),
  INTERNAL: entry(false, false, "This is a bug in shoal; please report it with the text above."),
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof errorCodes;

export interface ShoalErrorOptions {
  readonly cause?: unknown;
  readonly hint?: string;
  /** Data for programs: what was received, what was expected, where. Must be plain data. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const brand: unique symbol = Symbol.for("shoal.error") as never;

/**
 * What the public API throws. Told apart by `isShoalError`, not by `instanceof`, which fails across threads and
 * across duplicate installs.
 */
export class ShoalError extends Error {
  override readonly name = "ShoalError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, options: ShoalErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? errorCodes[code].hint;
    this.details = options.details ?? {};
  }

  /** True: what was asked for certainly did not happen. */
  get definite(): boolean {
    return errorCodes[this.code].definite;
  }

  /** True: the same request may succeed later without a change. */
  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}

/** Whether `value` is a ShoalError of any copy of this package, optionally of one code. */
export function isShoalError(value: unknown, code?: ErrorCode): value is ShoalError {
  return (
    typeof value === "object" &&
    value !== null &&
    (value as Record<symbol, unknown>)[brand] === true &&
    (code === undefined || (value as ShoalError).code === code)
  );
}

/** An error as data: what travels between threads and processes, and into journals. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** Present on ShoalErrors only. */
  readonly code?: ErrorCode;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Own enumerable properties that are plain data, as JSON values. */
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly cause?: ErrorData;
  /** The cause, where it is not an error: how it prints. */
  readonly thrown?: string;
}

const causesMax = 8;
const textMax = 16_384;
const ownMembers = new Set(["name", "message", "stack", "cause", "code", "hint", "details"]);

const clip = (text: string): string =>
  text.length <= textMax ? text : `${text.slice(0, textMax)}… (${text.length} characters)`;

/** A value as a JSON value, or a short text for what JSON cannot carry. Depth and size are bounded. */
function portable(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case "string":
      return clip(value);
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : String(Object.is(value, -0) ? "-0" : value);
    case "boolean":
      return value;
    case "object":
      break;
    default:
      return value === undefined ? undefined : clip(String(value));
  }
  if (value === null) return null;
  if (depth >= 6) return "…";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => portable(item, depth + 1) ?? null);
  if (value instanceof Error) return `${value.name}: ${clip(value.message)}`;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value).slice(0, 100)) {
    try {
      const item = portable((value as Record<string, unknown>)[key], depth + 1);
      if (item !== undefined && key !== "__proto__") result[key] = item;
    } catch (error) {
      result[key] = `(getter threw: ${String(error)})`;
    }
  }
  return result;
}

/** How a value that is no error prints when thrown: `throw "boom"` is a string, and says so. */
function describeThrown(value: unknown): string {
  try {
    return typeof value === "object" && value !== null
      ? JSON.stringify(portable(value))
      : `${typeof value} ${String(value)}`;
  } catch {
    return `an object that cannot be printed (${Object.prototype.toString.call(value)})`;
  }
}

/** Anything thrown, as data. Never throws itself, whatever it is given. */
export function toErrorData(error: unknown, depth = 0): ErrorData {
  if (!(error instanceof Error) && !isShoalError(error)) {
    const thrown = describeThrown(error);
    return {
      name: "NonError",
      message: `a value that is not an Error was thrown: ${clip(thrown)}`,
      thrown: clip(thrown),
    };
  }
  const source = error as Error & Record<string, unknown>;
  const read = <T>(get: () => T): T | undefined => {
    try {
      return get();
    } catch {
      return undefined;
    }
  };
  const properties: Record<string, unknown> = {};
  for (const key of read(() => Object.keys(source)) ?? []) {
    const isOurs = isShoalError(error) && ownMembers.has(key);
    if (
      isOurs ||
      key === "name" ||
      key === "message" ||
      key === "stack" ||
      key === "cause" ||
      key === "__proto__"
    )
      continue;
    const value = read(() => portable(source[key]));
    if (value !== undefined) properties[key] = value;
  }
  const stack = read(() => source.stack);
  const cause = read(() => source.cause);
  return {
    name: clip(String(read(() => source.name) ?? "Error")),
    message: clip(String(read(() => source.message) ?? "")),
    ...(typeof stack === "string" ? { stack: clip(stack) } : {}),
    ...(isShoalError(error)
      ? { code: error.code, hint: error.hint, details: portable(error.details) as Record<string, unknown> }
      : {}),
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(cause === undefined || depth >= causesMax ? {} : { cause: toErrorData(cause, depth + 1) }),
  };
}

/** The error that `data` describes: a ShoalError if it has a code, else an Error with the name, stack and properties. */
export function fromErrorData(data: ErrorData): Error {
  const cause = data.cause === undefined ? undefined : fromErrorData(data.cause);
  let error: Error;
  if (data.code !== undefined && Object.hasOwn(errorCodes, data.code)) {
    error = new ShoalError(data.code, data.message, {
      ...(cause === undefined ? {} : { cause }),
      ...(data.hint === undefined ? {} : { hint: data.hint }),
      ...(data.details === undefined ? {} : { details: data.details }),
    });
  } else {
    error = new Error(data.message, cause === undefined ? undefined : { cause });
    Object.defineProperty(error, "name", {
      value: data.name,
      configurable: true,
      writable: true,
      enumerable: false,
    });
    for (const [key, value] of Object.entries(data.properties ?? {})) {
      Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true });
    }
  }
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}
