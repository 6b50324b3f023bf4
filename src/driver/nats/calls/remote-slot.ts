// A call slot of a worker, as the client's pool sees it: the body of a slot that is somewhere else.
//
// Owner of: its end of the conversation.

import { randomBytes } from "node:crypto";
import path from "node:path";
import type { FromSlot, SlotProbe, ToSlot } from "../../../protocol/slot.ts";
import { ShoalError, toErrorData, type ErrorData } from "../../../errors.ts";
import type { BodyEnd, SlotBody } from "../../slots/slot-body.ts";
import type { AgentAnswer } from "../agent-requests.ts";
import { shipBundle } from "../bundles.ts";
import type { ClusterConnection } from "../connection.ts";
import { readUp } from "./lease-body.ts";
import { LeaseEnd } from "./lease-end.ts";
import type { LeaseRequest, Up } from "./lease-wire.ts";
import type { SharedSource } from "./shared-source.ts";

/** What its market tells of a slot, and hears. */
export interface RemoteSlotOptions {
  readonly worker: string;
  readonly client: string;
  /** Slots of other workers that the client has. */
  readonly elsewhere: number;
  /** What shared memory the client's calls refer to. */
  readonly shared: SharedSource;
  /** None is free there: it waits. */
  readonly onWaits: () => void;
  /** The worker wants it back. */
  readonly onAskedBack: () => void;
}

const heartbeatMs = 1000;
const lostTicks = 10;
const leaseMs = 5000;
/** How long a slot that was told to end is waited for: its worker knows what it had not begun. */
const lastWordsMs = 1000;
/**
 * What a call with large values takes is also their way, at so many bytes a microsecond (100 MB/s): the slot is given
 * fewer of such ahead, or their bytes would pile up between here and there. Below the least it does not count.
 */
const bytesAMicro = 100;
const leastBytes = 4096;

export class RemoteSlot implements SlotBody {
  readonly isolation = "process";
  readonly takesBack = true;
  readonly rssBytes = null;
  readonly ended: Promise<BodyEnd>;
  onMessage: (message: FromSlot) => void = () => {};
  private readonly connection: ClusterConnection;
  private readonly options: RemoteSlotOptions;
  private isReady = false;
  private isGone = false;
  private conclude: (end: BodyEnd) => void = () => {};
  private end_: LeaseEnd | null = null;
  private queue: ToSlot[] = [];
  private isOver = false;
  /** Calls that it was given, and that have not ended: the bytes of their arguments. */
  private readonly held = new Map<number, number>();
  private lastWords: NodeJS.Timeout | null = null;

  constructor(connection: ClusterConnection, options: RemoteSlotOptions) {
    this.connection = connection;
    this.options = options;
    this.ended = new Promise((resolve) => {
      this.conclude = (end) => {
        if (this.isOver) return;
        this.isOver = true;
        clearTimeout(this.lastWords ?? undefined);
        this.end_?.close();
        resolve(end);
      };
    });
    this.begin().catch((error: unknown) => this.concludeGone(toErrorData(error)));
  }

  get worker(): string {
    return this.options.worker;
  }

  /** After its end: "gone": the worker does not answer or leases nothing; "failed": it never took calls. */
  get how(): "gone" | "failed" | "ended" {
    if (this.isGone) return "gone";
    return this.isReady ? "ended" : "failed";
  }

  /** Tells the worker how many slots of others the client has. */
  tellElsewhere(elsewhere: number): void {
    if (!this.isOver) this.end_?.say({ kind: "holds", elsewhere });
  }

  post(message: ToSlot): void {
    if (this.end_ === null) this.queue.push(message);
    else this.send(message);
  }

  end(): void {
    if (this.isOver) return;
    this.end_?.say({ kind: "end-slot" });
    // It ends there, told or by our silence. Here it has ended now, if nothing depends on its last words.
    if (this.held.size === 0 || this.connection.awayMs !== null) return this.conclude(ended(null));
    this.lastWords ??= setTimeout(() => this.conclude(ended(null)), lastWordsMs);
  }

  /** Its worker's process is gone: what it held may have happened. */
  lose(why: string): void {
    this.concludeGone(lostError(this.worker, why));
  }

  /** Tells the worker that nobody refers to it any more. */
  tellDropped(number: number): void {
    if (!this.isOver) this.end_?.say({ kind: "drop-shared", number });
  }

  setReferenced(): void {
    // The connection keeps the process alive while calls wait; the slot itself need not.
  }

  probe(): Promise<SlotProbe | null> {
    return Promise.resolve(null);
  }

  private concludeGone(error: ErrorData): void {
    if (!this.isOver) this.isGone = true;
    this.conclude(ended(error));
  }

  private async begin(): Promise<void> {
    const { connection } = this;
    const { worker, client, elsewhere } = this.options;
    const { subjects } = connection;
    const lease = randomBytes(12).toString("hex");
    const end = new LeaseEnd(connection, {
      say: subjects.lease(worker, lease, "down"),
      hear: subjects.lease(worker, lease, "up"),
      heartbeatMs,
      lostTicks,
      numberOf: this.options.shared.numberOf,
      said: (body) => readUp(body, (message, bytes) => this.hear(message, bytes)),
      lost: (why) => this.lose(why),
    });
    this.end_ = end;
    const asked: LeaseRequest = { kind: "lease", lease, heartbeatMs, client, elsewhere };
    const bytes = await connection.request(subjects.worker(worker), JSON.stringify(asked), leaseMs);
    const answer = JSON.parse(Buffer.from(bytes).toString("utf8")) as AgentAnswer;
    if (!answer.ok) throw new ShoalError("CLUSTER_FAILED", `${worker} leases no slot: ${answer.why}`);
    if (answer.waits === true) this.options.onWaits();
    const { queue } = this;
    this.queue = [];
    for (const message of queue) this.send(message);
  }

  private send(message: ToSlot): void {
    if (message.kind === "invoke") return this.invoke(message);
    if (message.kind !== "define") return this.end_!.say(message);
    // Calls of it that come earlier wait for it there.
    const { bundle: file } = message.ref;
    shipBundle(this.connection, { file, hash: path.basename(file, ".mjs") }).then(
      () => this.end_!.say(message),
      (error: unknown) => this.conclude(ended(toErrorData(error))),
    );
  }

  private invoke(message: ToSlot & { readonly kind: "invoke" }): void {
    const { out } = this.end_!;
    const before = out.size;
    out.message(message);
    this.held.set(message.ticket, out.size - before);
  }

  private hear(message: Up, bytes: number): void {
    switch (message.kind) {
      case "slot-ended":
        if (message.end.isRefused === true) this.isGone = true;
        return this.conclude(message.end);
      case "ask-back":
        return this.options.onAskedBack();
      case "want-shared": {
        const { number } = message;
        const bytes = this.options.shared.bytesOf(number);
        if (bytes !== null) this.end_!.say({ kind: "shared", number, bytes });
        return;
      }
      case "ready":
        this.isReady = true;
        break;
      case "taken-back":
        this.held.delete(message.ticket);
        break;
      case "returned":
      case "threw": {
        const carried = bytes + (this.held.get(message.ticket) ?? 0);
        this.held.delete(message.ticket);
        const { runMicros } = message;
        if (carried < leastBytes || runMicros === null) break;
        return this.onMessage({ ...message, runMicros: runMicros + Math.round(carried / bytesAMicro) });
      }
    }
    this.onMessage(message);
  }
}

const ended = (error: ErrorData | null): BodyEnd => ({
  exitCode: null,
  signal: null,
  isHeapFull: false,
  error,
  isKilledForMemory: false,
});

const lostError = (worker: string, why: string): ErrorData =>
  toErrorData(
    new ShoalError("SLOT_LOST", `the worker ${worker} was lost: ${why}`, {
      hint: "Is its machine there? shoal workers lists those that are.",
    }),
  );
