// How streams are asked, and made where they are not there.
//
// Each stream answers for itself, by its leader. That one is not there is told by the leader of all servers, and one that has
// just been restarted and chosen tells it of streams that it has not heard of yet. Whoever believes it has the same stream
// made a second time, on which the servers never agree again (seen with 2.9.10). So of several servers that is believed
// only when nothing else was heard for longer than any stream is without a leader.
//
// Owner of: since when nothing else was heard.

import { jetstreamManager, type JetStreamManager, type JetStreamManagerOptions } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { objectInBytes } from "./json.ts";
import { isMissingMessage, isMissingStream } from "./nats-errors.ts";

/**
 * Whether JetStream is there is asked when a connection is opened, and not each time: its leader may be about to be chosen
 * while a stream's is there. A stream whose leader has just died does not answer, and what it was asked is lost: the
 * sooner it is asked again, the sooner its next leader is found.
 */
export const asking: JetStreamManagerOptions = { checkAPI: false, timeout: 2000 };

type Streams = JetStreamManager["streams"];
type StoredMessage = NonNullable<Awaited<ReturnType<Streams["getMessage"]>>>;

export const streamsOf = async (nc: NatsConnection): Promise<Streams> =>
  (await jetstreamManager(nc, asking)).streams;

/** The first message of a subject from that number on; null: there is none. */
export async function nextMessage(
  streams: Streams,
  stream: string,
  subject: string,
  from: number,
): Promise<StoredMessage | null> {
  // The servers know both together, the client's types do not.
  const wanted = { seq: from, next_by_subj: subject } as never;
  return await unlessGone(streams.getMessage(stream, wanted));
}

/** Null: there is no such message, or not any more. That there is no such stream is another matter. */
export async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (isMissingMessage(error)) return null;
    throw error;
  }
}

/** Elections take 4 to 9 s, and begin together when the server dies that leads everything. */
const sureMs = 5000;
/** In less than that nobody else is chosen. */
const gapMs = 3000;
const listenMs = 250;

export class StreamMaker {
  private readonly nc: NatsConnection;
  private missing: { readonly since: number; readonly at: number } | null = null;

  constructor(nc: NatsConnection) {
    this.nc = nc;
  }

  /**
   * Has `make` make the stream if it is certainly not there. Returns when it was made, where its server said so by the
   * way. Rejects if nobody can tell.
   */
  async make(name: string, make: () => Promise<unknown>): Promise<string | null> {
    const streams = await streamsOf(this.nc);
    try {
      return (await streams.info(name)).created;
    } catch (error) {
      if (!isMissingStream(error)) throw error;
    }
    const isThere = this.nc.info?.cluster !== undefined && (await this.isThere(name));
    if (!isThere) await make();
    return null;
  }

  /** What one stream was waited for counts for the next. */
  private async isThere(name: string): Promise<boolean> {
    for (;;) {
      const before = this.missing;
      this.missing = null;
      const answers = await this.ask(name);
      if (answers.includes("there")) return true;
      if (answers.length === 0) throw new Error(`no leader tells whether ${name} is there: not available`);
      const at = performance.now();
      const since = before !== null && at - before.at < gapMs ? before.since : at;
      this.missing = { since, at };
      if (at - since >= sureMs) return false;
    }
  }

  /** All that answer: the stream's leader, and that of all servers. */
  private async ask(name: string): Promise<("there" | "missing")[]> {
    const answers: ("there" | "missing")[] = [];
    const options = { strategy: "timer", maxWait: listenMs } as const;
    for await (const { data } of await this.nc.requestMany(`$JS.API.STREAM.INFO.${name}`, "", options))
      answers.push(objectInBytes(data)?.["error"] === undefined ? "there" : "missing");
    return answers;
  }
}
