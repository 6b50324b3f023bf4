// Where the socket of a state directory's running job is. Both sides find it from the directory alone.

import { createHash } from "node:crypto";
import { lstat, mkdir, realpath, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

/** sockaddr_un has room for 104 bytes on some systems, 108 on others, the final NUL included (unix(7)). */
const pathBytesMax = 100;

/** Where it may be, the likelier first. Empty where there are no such sockets. */
export async function socketPaths(stateDir: string): Promise<string[]> {
  if (process.getuid === undefined) return [];
  const real = await realpath(stateDir).catch(() => path.resolve(stateDir));
  const hash = createHash("sha256").update(real).digest("hex").slice(0, 16);
  return [path.join(real, "live.sock"), path.join(privateDirectory(), `${hash}.sock`)].filter(
    (file) => Buffer.byteLength(file) <= pathBytesMax,
  );
}

/** The path to listen on, free of a stale socket; null if there is none. */
export async function prepareSocketPath(stateDir: string): Promise<string | null> {
  const [first, second] = await socketPaths(stateDir);
  const file = first ?? second;
  if (file === undefined) return null;
  if (path.dirname(file) === privateDirectory()) {
    await mkdir(privateDirectory(), { mode: 0o700 }).catch(() => {}); // it is there: checked below
    if (!(await isPrivate(privateDirectory()))) return null;
  }
  const stale = await lstat(file).catch(() => null);
  if (stale !== null && !stale.isSocket()) return null; // not ours: a socket is all that we ever put there
  if (stale !== null) await rm(file, { force: true });
  return file;
}

/** Whether nobody else can have put a socket there, for asking. */
export async function isTrusted(file: string): Promise<boolean> {
  if (path.dirname(file) === privateDirectory() && !(await isPrivate(privateDirectory()))) return false;
  const found = await lstat(file).catch(() => null);
  return found !== null && found.isSocket() && (found.uid === process.getuid!() || process.getuid!() === 0);
}

const privateDirectory = (): string => path.join(os.tmpdir(), `shoal-${process.getuid!()}`);

async function isPrivate(directory: string): Promise<boolean> {
  const found = await lstat(directory).catch(() => null);
  return (
    found !== null && found.isDirectory() && found.uid === process.getuid!() && (found.mode & 0o077) === 0
  );
}
