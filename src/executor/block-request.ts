// One request to a worker's block server: over TLS where its URL says so, in the clear on loopback only.
//
// Who answers is verified: by the cluster's authority, and as a worker of the cluster or as the host that was asked.

import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as httpsRequest } from "node:https";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { workersName } from "../protocol/blocks.ts";

/** Nothing comes for so long: the try has failed. */
const idleMs = 10_000;

const sockets = { keepAlive: true, maxSockets: 8 };
const plain = new Agent(sockets);
/** For each set of authorities: a process knows one, or a few in tests. */
const secure = new Map<string | null, TlsAgent>();

function secureAgent(ca: string | null): TlsAgent {
  const known = secure.get(ca);
  if (known !== undefined) return known;
  const agent = new TlsAgent({
    ...sockets,
    ...(ca === null ? {} : { ca }),
    minVersion: "TLSv1.3",
    checkServerIdentity: (host: string, certificate: PeerCertificate) =>
      checkServerIdentity(workersName, certificate) === undefined
        ? undefined
        : checkServerIdentity(host, certificate),
  });
  secure.set(ca, agent);
  return agent;
}

/** Settles when the head of the answer is there. */
export function postBlocks(
  url: string,
  ca: string | null,
  body: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { protocol, hostname } = new URL(url);
    const isTls = protocol === "https:";
    if (!isTls && !/^(127\.[\d.]+|\[::1\]|localhost)$/.test(hostname)) {
      throw new Error(`${hostname} serves blocks without TLS, off loopback`);
    }
    const agent = isTls ? secureAgent(ca) : plain;
    const ask = isTls ? httpsRequest : httpRequest;
    const headers = { "content-type": "application/json" };
    const asking = ask(`${url}/blocks`, { method: "POST", agent, signal, headers }, resolve);
    asking.setTimeout(idleMs, () => asking.destroy(new Error(`nothing came for ${idleMs} ms`)));
    asking.on("error", reject);
    asking.end(body);
  });
}
