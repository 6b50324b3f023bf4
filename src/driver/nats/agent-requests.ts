// What a worker can be asked, and what of that is believed.

import type { LeaseRequest } from "./calls/lease-wire.ts";
import { isCount } from "./frame-bodies.ts";
import type { WhoRequest } from "./held.ts";
import { isRunId, objectInBytes } from "./json.ts";

/** What one worker can be asked, and its answer. */
export type AgentRequest = { readonly kind: "drain" } | LeaseRequest;

export type AgentAnswer =
  | {
      readonly ok: true;
      /** The lease waits until a slot is free. */
      readonly waits?: boolean;
    }
  | { readonly ok: false; readonly why: string };

/** Null: no such request. */
export function parseRequest(bytes: Uint8Array): AgentRequest | null {
  const request = objectInBytes(bytes);
  if (request?.["kind"] === "drain") return { kind: "drain" };
  if (request?.["kind"] !== "lease") return null;
  const { lease, heartbeatMs, client, elsewhere } = request;
  const isWell =
    typeof lease === "string" &&
    /^[0-9a-f]{24}$/.test(lease) &&
    typeof heartbeatMs === "number" &&
    heartbeatMs >= 10 &&
    heartbeatMs <= 60_000 &&
    typeof client === "string" &&
    /^[0-9a-f]{24}$/.test(client) &&
    isCount(elsewhere);
  return isWell ? { kind: "lease", lease, heartbeatMs, client, elsewhere } : null;
}

export function parseWho(bytes: Uint8Array): WhoRequest {
  const run = objectInBytes(bytes)?.["run"];
  return isRunId(run) ? { run } : {};
}
