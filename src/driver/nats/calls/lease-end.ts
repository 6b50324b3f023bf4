// One end of a leased slot's conversation: messages are gathered while the program does not come back to its event loop,
// go as one body over a session, and silence for too long is the other end's end.
//
// Owner of: the session, what is gathered.

import { Session } from "../../links/session.ts";
import type { ClusterConnection } from "../connection.ts";
import { PatientTimers } from "../patient-timers.ts";
import {
  decodeFrame,
  encodeFrame,
  PieceReader,
  toPieces,
  type Down,
  type Piece,
  type Up,
} from "./lease-wire.ts";

export interface LeaseEndOptions<In> {
  /** Where this end speaks, and where it listens. */
  readonly say: string;
  readonly hear: string;
  readonly heartbeatMs: number;
  /** Heartbeats of silence after which the other end counts as gone. */
  readonly lostTicks: number;
  readonly said: (message: In) => void;
  readonly lost: (why: string) => void;
}

export class LeaseEnd<Out extends Down | Up, In extends Down | Up> {
  private readonly connection: ClusterConnection;
  private readonly options: LeaseEndOptions<In>;
  private readonly session: Session<Piece, Piece>;
  private readonly reader = new PieceReader<In>();
  private readonly timers: PatientTimers;
  private readonly unsubscribe: () => void;
  private gathered: Out[] = [];
  private isClosed = false;

  constructor(connection: ClusterConnection, options: LeaseEndOptions<In>) {
    this.connection = connection;
    this.options = options;
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

  say(message: Out): void {
    if (this.isClosed) return;
    this.gathered.push(message);
    if (this.gathered.length === 1) queueMicrotask(() => this.flush());
  }

  close(): void {
    if (this.isClosed) return;
    this.flush();
    this.isClosed = true;
    this.session.close();
    this.timers.end();
    this.unsubscribe();
  }

  private flush(): void {
    const messages = this.gathered;
    if (messages.length === 0 || this.isClosed) return;
    this.gathered = [];
    for (const piece of toPieces(messages, this.connection.payloadMax)) this.session.say(piece);
  }

  private take(piece: Piece): void {
    let messages: readonly In[];
    try {
      messages = this.reader.take(piece);
    } catch (error) {
      // What was said cannot be known, and so neither what comes after it.
      return this.options.lost(`it is not understood: ${String(error)}`);
    }
    for (const message of messages) this.options.said(message);
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
