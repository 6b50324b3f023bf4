// How streams are asked. Each answers for itself: whether JetStream is there, which only the leader of all servers tells, is
// asked when a connection is opened, and not each time, since that one may be about to be chosen while the stream is well.

import { jetstreamManager, type JetStreamManager, type JetStreamManagerOptions } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";

/**
 * A stream whose leader has just died does not answer, and what it was asked is lost: the sooner it is asked again, the
 * sooner its next leader is found.
 */
export const asking: JetStreamManagerOptions = { checkAPI: false, timeout: 2000 };

export const streamsOf = async (nc: NatsConnection): Promise<JetStreamManager["streams"]> =>
  (await jetstreamManager(nc, asking)).streams;
