// One end of a leased slot's conversation: messages are gathered while the program does not come back to its event loop,
// go as one body over a session, and silence for too long is the other end's end.
//
// Not here: what a body holds (lease-body.ts).
//
// Owner of: the session, what is gathered.

import { Session } from "../../links/session.ts";
import type { ClusterConnection } from "../connection.ts";
import { PatientTimers } from "../patient-timers.ts";
import { BodyWriter } from "./lease-body.ts";
import type { NumberOf } from "./shared-values.ts";
import {
  decodeFrame,
  encodeFrame,
  PieceReader,
  toPieces,
  type Down,
  type Piece,
  type Up,
} from "./lease-wire.ts";

export interface LeaseEndOptions {
  /** Where this end speaks, and where it listens. */
  readonly say: string;
  readonly hear: string;
  readonly heartbeatMs: number;
  /** Heartbeats of silence after which the other end counts as gone. */
  readonly lostTicks: number;
  /** Numbers shared memory of what is said, which is then only referred to. Absent: it is copied. */
  readonly numberOf?: NumberOf;
  readonly said: (body: Uint8Array) => void;
  readonly lost: (why: string) => void;
}

export class LeaseEnd {
  private readonly connection: ClusterConnection;
  private readonly options: LeaseEndOptions;
  private readonly session: Session<Piece, Piece>;
  private readonly reader = new PieceReader();
  private readonly timers: PatientTimers;
  private readonly unsubscribe: () => void;
  private readonly writer: BodyWriter;
  private isFlushing = false;
  private isClosed = false;

  constructor(connection: ClusterConnection, options: LeaseEndOptions) {
    this.connection = connection;
    this.options = options;
    this.writer = new BodyWriter(options.numberOf);
    this.timers = new PatientTimers(connection);
    this.session = new Session<Piece, Piece>(
      (frame) => connection.publish(options.say, encodeFrame(frame)),
      (piece) => this.take(piece),
      false,
    );
    this.unsubscribe = connection.subscribe(options.hear, (bytes) => {
      const frame = decodeFrame(bytes);
      if (frame !== null) this.session.hear(frame);
    });
    this.tick();
  }

  /** Throws what cannot be sent. */
  say(message: Down | Up): void {
    if (!this.isClosed) this.out.message(message);
  }

  /** To write to: it goes when the program comes back to its event loop. */
  get out(): BodyWriter {
    if (!this.isFlushing) {
      this.isFlushing = true;
      queueMicrotask(() => {
        this.isFlushing = false;
        this.flush();
      });
    }
    return this.writer;
  }

  /** To write to: it goes with what else is said, or with `flush`. */
  get later(): BodyWriter {
    return this.writer;
  }

  close(): void {
    if (this.isClosed) return;
    this.flush();
    this.isClosed = true;
    this.session.close();
    this.timers.end();
    this.unsubscribe();
  }

  flush(): void {
    if (this.isClosed || this.writer.size === 0) return;
    for (const piece of toPieces(this.writer.take(), this.connection.payloadMax)) this.session.say(piece);
  }

  private take(piece: Piece): void {
    try {
      const body = this.reader.take(piece);
      if (body !== null) this.options.said(body);
    } catch (error) {
      // What was said cannot be known, and so neither what comes after it.
      this.options.lost(`it is not understood: ${String(error)}`);
    }
  }

  private tick(): void {
    const { heartbeatMs, lostTicks, lost } = this.options;
    this.timers.after(heartbeatMs, () => {
      this.session.tick();
      if (this.session.silentTicks >= lostTicks)
        lost(`silent for ${lostTicks} heartbeats of ${heartbeatMs} ms`);
      else this.tick();
    });
  }
}
