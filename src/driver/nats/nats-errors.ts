// What errors of the NATS client mean: whether the same may succeed later, and what people are told.

import { ShoalError } from "../../errors.ts";
import { redacted } from "./address.ts";

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Somebody else was first. */
export const isConflict = (error: unknown): boolean =>
  /wrong last sequence|key exists|10071/i.test(textOf(error)) ||
  (error as { code?: unknown } | null)?.code === 10071;

/** The leader of all servers knows no such stream. It may yet: see streams.ts. */
export const isMissingStream = (error: unknown): boolean => /stream not found/i.test(textOf(error));

/** The stream answered, and has no such message. */
export const isMissingMessage = (error: unknown): boolean =>
  /no message found|message not found|sequence \d+ not found/i.test(textOf(error));

const tooFewHint =
  "On a cluster of NATS servers three copies are kept: start three of them, or add ?replicas=1 to the address.";
const fullHint =
  "Raise max_file_store in the jetstream {} of its configuration, and start it again: what waits goes on then.";

/** Of a server that stands alone; several say the same where not as many are up as copies are asked for. */
const saysFull = (text: string): boolean =>
  /insufficient resources|resource limits exceeded|maximum bytes exceeded/i.test(text);

/** Whether the server's store is full. */
export const isFull = (error: unknown, isCluster: boolean): boolean => !isCluster && saysFull(textOf(error));

/** What people are told of what a server says, and what they can do. */
export function toldOf(
  error: unknown,
  isCluster: boolean,
): { readonly text: string; readonly hint?: string } {
  const text = textOf(error);
  if (saysFull(text)) {
    return isCluster
      ? { text: `${text}: too few servers are up, or a store is full`, hint: `${tooFewHint} ${fullHint}` }
      : { text: `the NATS server's store is full (${text})`, hint: fullHint };
  }
  return /no suitable peers|replicas > 1 not supported/i.test(text) ? { text, hint: tooFewHint } : { text };
}

/** No leader at the moment, no answer in time, somebody else was first, the connection broke: it can succeed later. */
export function isRetryable(error: unknown): boolean {
  const name = error instanceof Error ? error.name : "";
  const text = textOf(error);
  return (
    /Timeout|NoResponders|Disconnect|JetStreamNotEnabled|RequestError|ClosedConnection/i.test(name) ||
    /timeout|no responders|not available|temporarily|no leader|disconnect|not enabled|503|408/i.test(text) ||
    isMissingStream(error) ||
    // Somebody makes the same with other options; or too few servers of a cluster are up to keep all copies.
    /already in use/i.test(text) ||
    /no suitable peers/i.test(text) ||
    saysFull(text)
  );
}

export function unreachable(url: string, error: unknown): ShoalError {
  const text = textOf(error);
  const where = redacted(url);
  if (/authorization|permission|credential/i.test(text)) {
    return new ShoalError("CLUSTER_REFUSED", `the NATS server at ${where} refuses: ${text}`, {
      cause: error,
    });
  }
  if (/certificate|altname|issuer|support 'tls'/i.test(text)) {
    return new ShoalError("CLUSTER_REFUSED", `the NATS server at ${where} cannot be trusted: ${text}`, {
      cause: error,
      hint:
        "Give the file that `shoal cluster init` made (--cluster @file), which has the cluster's authority; or name " +
        "one in the address: tls://…?ca=<file>.",
    });
  }
  if (/jetstream/i.test(text)) {
    return new ShoalError("CLUSTER_UNREACHABLE", `the NATS server at ${where} runs without JetStream`, {
      cause: error,
      hint: "Start it with -js, or jetstream {} in its configuration.",
    });
  }
  return new ShoalError("CLUSTER_UNREACHABLE", `no NATS server answers at ${where}: ${text}`, {
    cause: error,
  });
}
