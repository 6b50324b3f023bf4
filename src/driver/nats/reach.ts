// How a NATS server is connected to: by the address, over TLS if it says so, as whom it says.
//
// Not here: what becomes of the connection (connection.ts).

import { connect, type NatsConnection, type TlsOptions } from "@nats-io/transport-node";
import type { PeerCertificate } from "node:tls";
import { checkServer, type ClusterAddress } from "./address.ts";
import { unreachable } from "./nats-errors.ts";
import { inboxOf } from "./roles.ts";

const connectTimeoutMs = 3000;

/**
 * A client of one of the address's servers; `isPatient`: of one that is not there yet, too. Errors: CLUSTER_UNREACHABLE,
 * CLUSTER_REFUSED.
 */
export async function reach(
  address: ClusterAddress,
  url: string,
  name: string,
  isPatient: boolean,
): Promise<NatsConnection> {
  const tls = {
    ...(address.ca === null ? {} : { ca: address.ca }),
    checkServerIdentity: (_name: string, certificate: PeerCertificate) => checkServer(address, certificate),
  } as TlsOptions;
  const options = {
    servers: [...address.servers],
    name,
    timeout: connectTimeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 5000,
    // Answers come to subjects that only this role may listen to (roles.ts).
    ...(address.user === null
      ? {}
      : { user: address.user, pass: address.password ?? "", inboxPrefix: inboxOf(address.user) }),
    ...(address.tls ? { tls } : {}),
  };
  try {
    return await connect(options);
  } catch (error) {
    const refused = unreachable(url, error);
    if (!isPatient || refused.code !== "CLUSTER_UNREACHABLE") throw refused;
  }
  return await connect({ ...options, waitOnFirstConnect: true });
}
