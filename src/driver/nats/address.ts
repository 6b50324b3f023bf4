// The address of a cluster: a URL, and on the lines after it what goes with it, in PEM, so that one file has all that one
// role needs (`--cluster @file`): certificates of authorities, and of a worker its own certificate and key.
//
//   tls://worker:password@10.0.0.1:4222,10.0.0.2:4222/nightly?replicas=3
//   -----BEGIN CERTIFICATE-----  …
//
// Owner of: what an address may say, and what it must say off loopback. Nothing of it but its redacted form is ever shown.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { ShoalError } from "../../errors.ts";

export interface ClusterAddress {
  /** "host:port", or "host". */
  readonly servers: readonly string[];
  readonly cluster: string;
  readonly user: string | null;
  readonly password: string | null;
  readonly tls: boolean;
  /** Certificates of authorities that servers and workers are verified against; null: those that Node knows. */
  readonly ca: string | null;
  /** A worker's own. */
  readonly identity: TlsIdentity | null;
  /** Copies of what is kept on the servers; null: three where there are as many servers. */
  readonly replicas: number | null;
  /** All of its servers are on loopback. */
  readonly isLocal: boolean;
}

/** PEM texts. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

const expected = "nats://host:port/cluster, with several hosts separated by commas if there are several";
const replicasMax = 5;
const hostPattern = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/;

/** Parses an address. BAD_OPTION if it is none, or if it would leave loopback in the clear. */
export function parseClusterUrl(text: string): ClusterAddress {
  const url = firstLine(text);
  const match = /^(nats|tls):\/\/(?:([^:@/]*):([^@/]*)@)?([^/@?]+)(?:\/([^/?#]*))?(?:\?([^#]*))?$/.exec(url);
  if (match === null) throw bad(text, "");
  const [, scheme, user, password, hosts, cluster = "", query = ""] = match;
  const servers = hosts!.split(",");
  for (const server of servers) {
    if (!hostPattern.test(server)) throw bad(text, `: "${server}" is no host`);
  }
  if (!/^[A-Za-z0-9-]{0,40}$/.test(cluster))
    throw bad(text, `: a cluster's name has letters, digits and "-" only`);
  const { ca, replicas, isPlain } = parametersOf(text, query);
  const tls = scheme === "tls";
  const isLocal = servers.every((server) => isLoopback(hostOf(server)));
  if (!tls && !isLocal && !isPlain) throw inTheClear(text);
  const own = pemOf(text, url.length);
  return {
    servers,
    cluster: cluster === "" ? "main" : cluster,
    user: user === undefined ? null : decodeURIComponent(user),
    password: password === undefined ? null : decodeURIComponent(password),
    tls,
    ca: ca ?? own.ca,
    identity: own.identity,
    replicas,
    isLocal,
  };
}

const inTheClear = (text: string): ShoalError =>
  new ShoalError(
    "BAD_OPTION",
    `${redacted(text)} is not on loopback: passwords and code would travel in the clear`,
    {
      hint:
        "Write tls://…, with what `shoal cluster init --host` makes; or add ?plain=yes where the network itself " +
        "keeps others out.",
    },
  );

function parametersOf(
  text: string,
  query: string,
): { ca: string | null; replicas: number | null; isPlain: boolean } {
  let ca: string | null = null;
  let replicas: number | null = null;
  let isPlain = false;
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === "ca") ca = authoritiesIn(value);
    else if (name === "replicas" && /^[1-5]$/.test(value)) replicas = Number(value);
    else if (name === "plain" && value === "yes") isPlain = true;
    else
      throw bad(
        text,
        `: its parameters are ca=<file>, replicas=<1 to ${replicasMax}>, plain=yes; received ` +
          JSON.stringify(`${name}=${value}`),
      );
  }
  return { ca, replicas, isPlain };
}

function authoritiesIn(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const why = (cause as Error).message;
    throw new ShoalError(
      "BAD_OPTION",
      `the cluster's address names ca=${file}, which cannot be read: ${why}`,
      {
        cause,
      },
    );
  }
  const blocks = blocksIn(text).filter(({ kind }) => kind === "CERTIFICATE");
  if (blocks.length > 0) return blocks.map((block) => block.pem).join("\n");
  throw new ShoalError(
    "BAD_OPTION",
    `the cluster's address names ca=${file}, which has no certificate in PEM`,
  );
}

interface PemBlock {
  readonly kind: string;
  readonly pem: string;
}

const blocksIn = (text: string): PemBlock[] =>
  [...text.matchAll(/-----BEGIN ([A-Z ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g)].map(([pem, kind]) => ({
    kind: kind!,
    pem,
  }));

/** What is on the lines after the URL. */
function pemOf(text: string, offset: number): { ca: string | null; identity: TlsIdentity | null } {
  const rest = text.trim().slice(offset);
  const blocks = blocksIn(rest);
  const left = blocks.reduce((other, { pem }) => other.replace(pem, ""), rest).trim();
  if (left !== "")
    throw bad(text, ": after its first line come certificates and a key in PEM, and nothing else");
  const certificates = blocks.filter(({ kind }) => kind === "CERTIFICATE").map(({ pem }) => pem);
  const authorities: string[] = [];
  const own: string[] = [];
  for (const pem of certificates) (isAuthority(pem, text) ? authorities : own).push(pem);
  const key = blocks.find(({ kind }) => kind.endsWith("PRIVATE KEY"));
  if ((key === undefined) !== (own.length === 0))
    throw bad(text, ": a certificate of its own and a key go together, and one of them is missing");
  return {
    ca: authorities.length === 0 ? null : authorities.join("\n"),
    identity: key === undefined ? null : { cert: own.join("\n"), key: key.pem },
  };
}

function isAuthority(pem: string, text: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch (cause) {
    throw bad(text, `: a certificate after its first line cannot be read (${(cause as Error).message})`);
  }
}

const bad = (text: string, what: string): ShoalError =>
  new ShoalError(
    "BAD_OPTION",
    `the cluster's address must be ${expected}, received "${redacted(text)}"${what}`,
  );

const firstLine = (text: string): string => text.trim().split(/\r?\n/, 1)[0]!.trimEnd();

/** Without its password, certificates and key: what goes into messages. */
export const redacted = (text: string): string => firstLine(text).replace(/:[^:@/]*@/, ":…@");

/** Of "host:port", without the brackets of IPv6. */
const hostOf = (server: string): string => server.replace(/:\d{1,5}$/, "").replace(/^\[(.*)\]$/, "$1");

export const isLoopback = (host: string): boolean =>
  /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$|^::1$|^localhost$/.test(host);

/** Whether a NATS server shows a certificate of one of the address's hosts: the client knows names, and of addresses nothing. */
export function checkServer({ servers }: ClusterAddress, certificate: PeerCertificate): Error | undefined {
  let failure: Error | undefined;
  for (const server of servers) {
    failure = checkServerIdentity(hostOf(server), certificate);
    if (failure === undefined) return undefined;
  }
  return failure;
}
