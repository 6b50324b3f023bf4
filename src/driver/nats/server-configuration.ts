// The configuration of a cluster's NATS servers: one on loopback, in the clear; or one for each host, over TLS, which form
// a cluster of their own if there are several. Pure.
//
// Not here: who may do what (roles.ts), the certificates (model/certificates.ts).

import { permissionsOf, roles, type Role } from "./roles.ts";

export interface ServerWish {
  /** The name of the shoal cluster. */
  readonly cluster: string;
  readonly port: number;
  /** Where JetStream keeps its files. */
  readonly store: string;
  readonly passwords: Readonly<Record<Role, string>>;
  /** Null: on loopback, in the clear. */
  readonly secure: SecureServer | null;
}

export interface SecureServer {
  /** All servers' hosts; `which` is this one's place among them. */
  readonly hosts: readonly string[];
  readonly which: number;
  /** By which the servers of a cluster know each other. */
  readonly routePassword: string;
}

/** Of a server's folder, in which it is started: so that the folder can be moved. */
export const serverFiles = {
  configuration: "nats.conf",
  authority: "ca.pem",
  certificate: "server.pem",
  key: "server-key.pem",
} as const;

/** Servers of a cluster talk to each other so far above their clients' port: 6222 beside 4222. */
export const routesAbove = 2000;

export const inUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host);

export function serverConfiguration(wish: ServerWish): string {
  const { cluster, port, store, secure } = wish;
  const host = secure === null ? "127.0.0.1" : inUrl(secure.hosts[secure.which]!);
  return `# A NATS server for the shoal cluster ${JSON.stringify(cluster)}. Made by shoal cluster init; it holds passwords.
${secure === null ? "" : "# Paths are relative to the directory that the server is started in.\n"}listen: "${host}:${port}"
${secure === null ? "" : clientTls}jetstream: { store_dir: ${JSON.stringify(store)} }
authorization: {
  users: [
${roles.map((role) => user(role, wish)).join("\n")}
  ]
}
${secure === null || secure.hosts.length === 1 ? "" : routes(cluster, port, secure)}`;
}

function user(role: Role, { cluster, passwords }: ServerWish): string {
  const quoted = (subjects: readonly string[]): string =>
    `[${subjects.map((subject) => JSON.stringify(subject)).join(", ")}]`;
  const { publish, subscribe, responds } = permissionsOf(role, cluster);
  return `    {
      user: ${role}
      password: ${JSON.stringify(passwords[role])}
      permissions: {
        publish: { allow: ${quoted(publish)} }
        subscribe: { allow: ${quoted(subscribe)} }${responds ? "\n        allow_responses: true" : ""}
      }
    }`;
}

const tlsFiles = `cert_file: "${serverFiles.certificate}", key_file: "${serverFiles.key}", ca_file: "${serverFiles.authority}"`;

// A server that hears nothing of a client for so long lets it go: it comes back, elsewhere if need be.
const clientTls = `tls: { ${tlsFiles}, timeout: 5 }
ping_interval: "10s"
`;

/** Each server shows the others its certificate, and the password besides: workers have certificates, too. */
function routes(cluster: string, port: number, { hosts, which, routePassword }: SecureServer): string {
  const others = hosts.filter((_, i) => i !== which);
  const urls = others.map(
    (host) => `"nats-route://route:${routePassword}@${inUrl(host)}:${port + routesAbove}"`,
  );
  return `server_name: "nats-${which + 1}"
cluster: {
  name: ${JSON.stringify(`shoal-${cluster}`)}
  listen: "${inUrl(hosts[which]!)}:${port + routesAbove}"
  authorization: { user: route, password: ${JSON.stringify(routePassword)}, timeout: 5 }
  tls: { ${tlsFiles}, verify: true, timeout: 5 }
  routes: [${urls.join(", ")}]
}
`;
}
