// Serves the blocks of this worker's attempts to others, by HTTP (protocol/blocks.ts). Who asks shows a capability: an
// HMAC of the asking attempt's name under the run's secret, which only the coordinator and its workers have.
//
// Not here: what is in a block (data/shuffle), what a failed fetch means (the coordinator).
// Owner of: the listener, and which runs are served from where.

import { createHmac, timingSafeEqual } from "node:crypto";
import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { parseAttemptId, type AttemptId } from "../../base/ids.ts";
import { blockPlaces } from "../../data/shuffle/block-places.ts";
import { attemptsMax, type BlocksHead, type BlocksRequest, type Ranges } from "../../protocol/blocks.ts";
import { blockFile } from "../../store/scratch.ts";
import type { TlsIdentity } from "./address.ts";

export interface BlockPlace {
  /** On which it listens, and which others connect to. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Null: in the clear, on loopback. */
  readonly tls: TlsIdentity | null;
}

export interface ServedRun {
  readonly scratch: string;
  readonly secret: string;
}

const requestBytesMax = 1 << 20;
const pieceBytes = 1 << 20;

/** The right of an attempt to read the run's blocks. */
export const blockToken = (secret: string, run: string, reader: string): string =>
  createHmac("sha256", secret).update(`${run}/${reader}`).digest("base64url");

export class BlockServer {
  private readonly place: BlockPlace;
  private readonly server: Server;
  private readonly runs = new Map<string, ServedRun>();

  /** Rejects with what listen() says, and if certificate and key are not what they should be. */
  static async listen(place: BlockPlace): Promise<BlockServer> {
    const server = new BlockServer(place);
    await new Promise<void>((resolve, reject) => {
      server.server.once("error", reject);
      server.server.listen(place.port, place.host, resolve);
    });
    server.server.unref();
    return server;
  }

  private constructor(place: BlockPlace) {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.answer(request, response).catch(() => response.destroy());
    };
    const { tls } = place;
    this.place = place;
    this.server =
      tls === null
        ? createServer(answer)
        : createTlsServer({ cert: tls.cert, key: tls.key, minVersion: "TLSv1.3" }, answer);
    this.server.keepAliveTimeout = 30_000;
  }

  get url(): string {
    const { host, tls } = this.place;
    const { port } = this.server.address() as AddressInfo;
    return `${tls === null ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  serve(run: string, served: ServedRun): void {
    this.runs.set(run, served);
  }

  forget(run: string): void {
    this.runs.delete(run);
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number): void => void response.writeHead(status).end();
    if (request.method !== "POST" || request.url !== "/blocks") return refuse(404);
    const asked = await readRequest(request);
    if (asked === null) return refuse(400);
    const served = this.runs.get(asked.run);
    // The same answer to whoever names no run and whoever may not: a stranger learns nothing.
    if (served === undefined || !isRight(served, asked)) return refuse(403);
    response.writeHead(200, { "content-type": "application/octet-stream" });
    for (const attempt of asked.attempts) await this.send(served, attempt, asked, response);
    response.end();
  }

  private async send(
    { scratch }: ServedRun,
    attempt: BlocksRequest["attempts"][number],
    { partition, ranges }: BlocksRequest,
    response: ServerResponse,
  ): Promise<void> {
    const file = blockFile(scratch, attempt);
    let head: BlocksHead;
    try {
      head = {
        attempt,
        ...(ranges === undefined ? blockPlaces(file, partition) : within(file, ranges[attempt])),
      };
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT" ? "it is missing" : String(error);
      return void (await write(response, `${JSON.stringify({ attempt, missing } satisfies BlocksHead)}\n`));
    }
    await write(response, `${JSON.stringify(head)}\n`);
    const handle = await open(file, "r");
    try {
      for (const [offset, length] of head.ranges) {
        for (let at = 0; at < length;) {
          const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, length - at));
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset + at);
          if (bytesRead === 0) throw new Error(`${file} became shorter`);
          await write(response, buffer.subarray(0, bytesRead));
          at += bytesRead;
        }
      }
    } finally {
      await handle.close();
    }
  }
}

/** What is asked for, if the file has it. */
function within(file: string, ranges: Ranges | undefined): { size: number; ranges: Ranges } {
  const { size } = statSync(file);
  let at = 0;
  for (const [offset, length] of ranges ?? []) {
    if (offset < at || offset + length > size)
      throw new Error(`it has no bytes ${offset} to ${offset + length}`);
    at = offset + length;
  }
  return { size, ranges: ranges ?? [] };
}

/** Settles when there is room for more: that is the backpressure. */
async function write(response: ServerResponse, piece: Buffer | string): Promise<void> {
  if (response.destroyed) throw new Error("the reader went away");
  if (response.write(piece)) return;
  await new Promise<void>((resolve, reject) => {
    const drained = (): void => {
      response.off("close", closed);
      resolve();
    };
    const closed = (): void => {
      response.off("drain", drained);
      reject(new Error("the reader went away"));
    };
    response.once("drain", drained);
    response.once("close", closed);
  });
}

async function readRequest(request: IncomingMessage): Promise<BlocksRequest | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > requestBytesMax) return null;
    chunks.push(chunk as Buffer);
  }
  try {
    const { run, reader, token, attempts, partition, ranges } = JSON.parse(
      Buffer.concat(chunks).toString("utf8"),
    ) as Record<string, unknown>;
    const isWell =
      [run, reader, token].every((text) => typeof text === "string" && text.length < 200) &&
      Array.isArray(attempts) &&
      attempts.length <= attemptsMax &&
      attempts.every((attempt) => typeof attempt === "string" && parseAttemptId(attempt) !== null) &&
      (partition === null || isPlace(partition)) &&
      (ranges === undefined || areRanges(ranges));
    if (!isWell) return null;
    const asked = { run, reader, token, attempts, partition } as BlocksRequest;
    return ranges === undefined ? asked : { ...asked, ranges: ranges as Record<AttemptId, Ranges> };
  } catch {
    return null;
  }
}

const isPlace = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const areRanges = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every(
    (ranges) =>
      Array.isArray(ranges) &&
      ranges.every((range) => Array.isArray(range) && range.length === 2 && range.every(isPlace)),
  );

function isRight({ secret }: ServedRun, { run, reader, token }: BlocksRequest): boolean {
  const expected = Buffer.from(blockToken(secret, run, reader));
  const shown = Buffer.from(token);
  return expected.length === shown.length && timingSafeEqual(expected, shown);
}
