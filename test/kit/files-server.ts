// Real servers of a directory, for tests: WebDAV by Debian's rclone (not installed: taken out of its package), and plain
// HTTP with ranges by Node, which can be told to be as bad as some are.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./nats.ts";
import { until } from "./processes.ts";

export interface FilesServer {
  /** "127.0.0.1:8080" */
  readonly host: string;
  put(key: string, text: string): void;
  delete(key: string): void;
  close(): Promise<void>;
}

const directoryOf = (): Pick<FilesServer, "put" | "delete"> & { readonly directory: string } => {
  const directory = mkdtempSync(path.join(tmpdir(), "shoal-files-"));
  return {
    directory,
    put: (key, text) => {
      mkdirSync(path.dirname(path.join(directory, key)), { recursive: true });
      writeFileSync(path.join(directory, key), text);
    },
    delete: (key) => rmSync(path.join(directory, key)),
  };
};

let found: string | null | undefined;

/** On PATH, or else taken out of Debian's package, into a folder that git does not see; null where neither is. */
export function rclone(): string | null {
  if (found !== undefined) return found;
  if (spawnSync("rclone", ["version"]).status === 0) return (found = "rclone");
  const folder = path.resolve(import.meta.dirname, "../../tmp/rclone");
  const file = path.join(folder, "usr/bin/rclone");
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    spawnSync("sh", ["-ec", "apt-get download rclone && dpkg -x rclone_*.deb ."], { cwd: folder });
  }
  return (found = existsSync(file) ? file : null);
}

export async function startWebdav(login?: { user: string; password: string }): Promise<FilesServer> {
  const { directory, ...files } = directoryOf();
  const host = `127.0.0.1:${await freePort()}`;
  const asked = login === undefined ? [] : ["--user", login.user, "--pass", login.password];
  const served = ["serve", "webdav", directory, "--addr", host, "--dir-cache-time", "0s", ...asked];
  const child = spawn(rclone()!, [...served, "--config", path.join(directory, "none")], { stdio: "ignore" });
  const answers = (): Promise<boolean> =>
    fetch(`http://${host}/`).then(
      () => true,
      () => false,
    );
  await until("rclone answers", answers, 60_000);
  return {
    host,
    ...files,
    close: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface WebServer extends FilesServer {
  /** What it does not do, and how often it fails before it answers. */
  readonly faults: {
    hasNoETag: boolean;
    hasNoTime: boolean;
    hasNoLength: boolean;
    hasNoRanges: boolean;
    ignoresConditions: boolean;
    failures: number;
  };
}

export async function startWeb(): Promise<WebServer> {
  const { directory, ...files } = directoryOf();
  const faults = {
    hasNoETag: false,
    hasNoTime: false,
    hasNoLength: false,
    hasNoRanges: false,
    ignoresConditions: false,
    failures: 0,
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const file = path.join(directory, decodeURIComponent(request.url!));
    const stats = statSync(file, { throwIfNoEntry: false });
    const end = (status: number, body?: Uint8Array): void => {
      response.writeHead(status).end(request.method === "HEAD" ? undefined : body);
    };
    if (faults.failures > 0) {
      faults.failures--;
      return end(503);
    }
    if (stats?.isFile() !== true) return end(404);
    const bytes = readFileSync(file);
    const etag = `"${stats.mtimeMs}-${stats.size}"`;
    if (!faults.hasNoETag) response.setHeader("ETag", etag);
    if (!faults.hasNoTime) response.setHeader("Last-Modified", stats.mtime.toUTCString());
    const wanted = request.headers["if-match"];
    if (wanted !== undefined && wanted !== etag && !faults.ignoresConditions) return end(412);
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const part =
      from === undefined || faults.hasNoRanges
        ? bytes
        : bytes.subarray(Number(from), to === "" ? undefined : Number(to) + 1);
    if (!faults.hasNoLength) response.setHeader("Content-Length", part.length);
    if (part !== bytes) {
      if (part.length === 0) return end(416);
      response.setHeader("Content-Range", `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`);
    }
    end(part === bytes ? 200 : 206, part);
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...files,
    faults,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
