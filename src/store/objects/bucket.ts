// A bucket of a store that speaks S3 (object-store.ts): what is asked of it, tried again while that can help, and its errors
// in our words. The client, which is large, is loaded only where an object is named.
//
// What it relies on (docs/stores.md): a listing and a read see what was written before; a PUT with `If-None-Match: *`
// has one winner. Not on conditional multipart uploads, which some servers take for unconditional ones.

import { open } from "node:fs/promises";
import type { S3Client } from "@aws-sdk/client-s3";
import { inTurns } from "../../base/in-turns.ts";
import { ShoalError } from "../../errors.ts";
import type { ObjectPlace, StoreSettings } from "../../protocol/place.ts";
import { again, storesWordFor } from "./again.ts";
import type { Abilities, Listing, ObjectInfo, ObjectStore } from "./object-store.ts";

type Sdk = typeof import("@aws-sdk/client-s3");

/** Objects of up to this size are written, and copied, by one request. */
const partBytes = 16 * 2 ** 20;
const partsMax = 9000;
const copyBytesMax = 4 * 2 ** 30;
const copyPartBytes = 2 ** 30;
const requestsMax = 4;

const clients = new Map<string, Promise<{ readonly sdk: Sdk; readonly client: S3Client }>>();

export class Bucket implements ObjectStore {
  readonly name: string;
  private readonly store: StoreSettings;

  constructor({ bucket, store }: Pick<ObjectPlace, "bucket" | "store">) {
    this.name = bucket;
    this.store = store;
  }

  async abilities(): Promise<Abilities> {
    return await Promise.resolve({ list: true, output: true });
  }

  async info(key: string): Promise<ObjectInfo | null> {
    return await this.ask(`looking at ${this.url(key)}`, async ({ sdk, client }) => {
      try {
        const found = await client.send(new sdk.HeadObjectCommand({ Bucket: this.name, Key: key }));
        return { size: found.ContentLength ?? 0, etag: found.ETag ?? "" };
      } catch (error) {
        if (statusOf(error) === 404) return null;
        throw error;
      }
    });
  }

  async list(prefix: string, isDeep: boolean, atMost = Infinity): Promise<Listing> {
    const objects = new Map<string, ObjectInfo>();
    const directories: string[] = [];
    let from: string | undefined;
    do {
      const page = await this.ask(`listing ${this.url(prefix)}`, ({ sdk, client }) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: this.name,
            Prefix: prefix,
            ...(isDeep ? {} : { Delimiter: "/" }),
            ...(from === undefined ? {} : { ContinuationToken: from }),
            ...(atMost < 1000 ? { MaxKeys: atMost } : {}),
          }),
        ),
      );
      for (const { Key, Size, ETag } of page.Contents ?? [])
        objects.set(Key!, { size: Size ?? 0, etag: ETag ?? "" });
      for (const { Prefix } of page.CommonPrefixes ?? []) directories.push(Prefix!);
      from = page.NextContinuationToken;
    } while (from !== undefined && objects.size + directories.length < atMost);
    return { objects, directories, isWhole: from === undefined };
  }

  async read(
    key: string,
    etag: string | null,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): Promise<Buffer | null> {
    return await this.ask(
      `reading ${this.url(key)}`,
      async ({ sdk, client }) => {
        try {
          const answer = await client.send(
            new sdk.GetObjectCommand({
              Bucket: this.name,
              Key: key,
              ...(to === Infinity ? {} : { Range: `bytes=${from}-${to - 1}` }),
              ...(etag === null ? {} : { IfMatch: etag }),
            }),
            signal === undefined ? {} : { abortSignal: signal },
          );
          const bytes = Buffer.from(await answer.Body!.transformToByteArray());
          if (to !== Infinity && bytes.length !== to - from)
            throw new Error(`timeout: ${bytes.length} bytes came`);
          return bytes;
        } catch (error) {
          if ([404, 412, 416].includes(statusOf(error) ?? 0) && !isNoBucket(error)) return null;
          throw error;
        }
      },
      signal,
    );
  }

  async readText(key: string): Promise<string | null> {
    return (await this.read(key, null, 0, Infinity))?.toString("utf8") ?? null;
  }

  async write(key: string, text: string): Promise<void> {
    await this.ask(`writing ${this.url(key)}`, ({ sdk, client }) =>
      client.send(new sdk.PutObjectCommand({ Bucket: this.name, Key: key, Body: text })),
    );
  }

  async create(key: string, text: string): Promise<boolean> {
    let isRepeat = false;
    return await this.ask(`creating ${this.url(key)}`, async ({ sdk, client }) => {
      try {
        // A try before this one may have come through without its answer: then what is there is ours.
        if (isRepeat && (await this.readText(key)) === text) return true;
        isRepeat = true;
        await client.send(
          new sdk.PutObjectCommand({ Bucket: this.name, Key: key, Body: text, IfNoneMatch: "*" }),
        );
        return true;
      } catch (error) {
        if (statusOf(error) === 412) return (await this.readText(key)) === text;
        throw error;
      }
    });
  }

  async upload(key: string, file: string, signal?: AbortSignal): Promise<void> {
    const handle = await open(file, "r");
    try {
      const { size } = await handle.stat();
      const read = async (from: number, bytes: number): Promise<Buffer> => {
        const buffer = Buffer.allocUnsafe(bytes);
        for (let at = 0; at < bytes;) {
          const { bytesRead } = await handle.read(buffer, at, bytes - at, from + at);
          if (bytesRead === 0) throw new Error(`${file} ended at byte ${from + at} of ${size}`);
          at += bytesRead;
        }
        return buffer;
      };
      if (size <= partBytes) {
        const Body = await read(0, size);
        await this.ask(
          `writing ${this.url(key)}`,
          ({ sdk, client }) => client.send(new sdk.PutObjectCommand({ Bucket: this.name, Key: key, Body })),
          signal,
        );
      } else {
        const bytes = Math.max(partBytes, Math.ceil(size / partsMax));
        await this.inParts(key, size, bytes, signal, async ({ sdk, client }, part, from, to) => {
          const Body = await read(from, to - from);
          return (await client.send(new sdk.UploadPartCommand({ ...part, Body }))).ETag;
        });
      }
    } finally {
      await handle.close();
    }
  }

  async copy(from: string, to: string, size: number): Promise<boolean> {
    try {
      await this.copyWhole(from, to, size);
      return true;
    } catch (error) {
      if (storesWordFor(error) === "NoSuchKey") return false;
      throw error;
    }
  }

  private async copyWhole(from: string, to: string, size: number): Promise<void> {
    const CopySource = `${this.name}/${from.split("/").map(encodeURIComponent).join("/")}`;
    if (size <= copyBytesMax) {
      await this.ask(`copying ${this.url(from)}`, ({ sdk, client }) =>
        client.send(new sdk.CopyObjectCommand({ Bucket: this.name, Key: to, CopySource })),
      );
      return;
    }
    await this.inParts(to, size, copyPartBytes, undefined, async ({ sdk, client }, part, first, end) => {
      const CopySourceRange = `bytes=${first}-${end - 1}`;
      const copied = await client.send(
        new sdk.UploadPartCopyCommand({ ...part, CopySource, CopySourceRange }),
      );
      return copied.CopyPartResult?.ETag;
    });
  }

  /** One by one: what deletes many at once wants a checksum that not every server takes. */
  async delete(keys: readonly string[]): Promise<void> {
    await inTurns(keys, 4 * requestsMax, (key) =>
      this.ask(`deleting ${this.url(key)}`, ({ sdk, client }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: this.name, Key: key })),
      ),
    );
  }

  async abandonUploads(prefix: string): Promise<void> {
    const what = `ending the uploads below ${this.url(prefix)}`;
    // What was listed is gone then: the next page is a first one.
    for (let isMore = true; isMore;) {
      const page = await this.ask(what, ({ sdk, client }) =>
        client.send(new sdk.ListMultipartUploadsCommand({ Bucket: this.name, Prefix: prefix })),
      );
      isMore = page.IsTruncated === true && (page.Uploads ?? []).length > 0;
      await inTurns(page.Uploads ?? [], requestsMax, async ({ Key, UploadId }) => {
        await this.ask(what, async ({ sdk, client }) => {
          try {
            await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: this.name, Key, UploadId }));
          } catch (error) {
            if (statusOf(error) !== 404) throw error; // ended meanwhile
          }
        });
      });
    }
  }

  /** What was begun and does not end is given up, so that nobody pays for its parts. */
  private async inParts(
    key: string,
    size: number,
    bytes: number,
    signal: AbortSignal | undefined,
    send: (
      loaded: { readonly sdk: Sdk; readonly client: S3Client },
      part: {
        readonly Bucket: string;
        readonly Key: string;
        readonly UploadId: string;
        readonly PartNumber: number;
      },
      from: number,
      to: number,
    ) => Promise<string | undefined>,
  ): Promise<void> {
    const what = `writing ${this.url(key)}`;
    const place = { Bucket: this.name, Key: key };
    const begun = await this.ask(what, ({ sdk, client }) =>
      client.send(new sdk.CreateMultipartUploadCommand(place)),
    );
    const upload = { ...place, UploadId: begun.UploadId! };
    try {
      const numbers = Array.from({ length: Math.ceil(size / bytes) }, (_, i) => i + 1);
      const parts: { PartNumber: number; ETag: string | undefined }[] = [];
      await inTurns(numbers, requestsMax, async (PartNumber) => {
        const from = (PartNumber - 1) * bytes;
        const part = { ...upload, PartNumber };
        const ETag = await this.ask(
          what,
          (loaded) => send(loaded, part, from, Math.min(size, from + bytes)),
          signal,
        );
        parts[PartNumber - 1] = { PartNumber, ETag };
      });
      await this.ask(what, ({ sdk, client }) =>
        client.send(
          new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts as never } }),
        ),
      );
    } catch (error) {
      await this.ask(what, ({ sdk, client }) =>
        client.send(new sdk.AbortMultipartUploadCommand(upload)),
      ).catch(
        () => {}, // what failed says more
      );
      throw error;
    }
  }

  private url(key: string): string {
    return `s3://${this.name}/${key}`;
  }

  private async ask<T>(
    what: string,
    act: (loaded: { readonly sdk: Sdk; readonly client: S3Client }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const loaded = await load(this.store);
    return await again(
      () => act(loaded),
      isTransient,
      (error) => this.failed(what, error),
      signal,
    );
  }

  private failed(what: string, cause: unknown): ShoalError {
    const status = statusOf(cause) ?? null;
    const { name, message } = cause as Error;
    const text = !/^(Unknown(Error)?)?$/.test(message)
      ? message
      : name.startsWith("Unknown") && status !== null
        ? `HTTP ${status}`
        : name;
    const hint = hintOf(cause, this.name);
    const code = isTransient(cause) ? "STORE_FAILED" : "STORE_REFUSED";
    return new ShoalError(code, `${what} failed: ${text} (${this.store.endpoint ?? "Amazon S3"})`, {
      ...(hint === null ? {} : { hint }),
      details: { status, error: name, bucket: this.name },
    });
  }
}

function hintOf(cause: unknown, bucket: string): string | null {
  const { name, message } = cause as Error;
  if (isNoBucket(cause)) return `Make the bucket, or correct its name: ${bucket}.`;
  if (name === "CredentialsProviderError")
    return "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what else the AWS SDK reads, on every machine.";
  if (/region is missing/i.test(message))
    return "Set AWS_REGION, or the endpoint of a server that is not Amazon's (AWS_ENDPOINT_URL_S3, or in shoal.config.ts).";
  return null;
}

async function load({ endpoint, region }: StoreSettings): Promise<{ sdk: Sdk; client: S3Client }> {
  const key = JSON.stringify([endpoint, region]);
  const known = clients.get(key);
  if (known !== undefined) return await known;
  // It warns of versions of Node that a later version of it will not support; this one is pinned.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  const loading = import("@aws-sdk/client-s3").then((sdk) => ({
    sdk,
    client: new sdk.S3Client({
      // Servers other than Amazon's find buckets in paths, want some region, and know no newer checksums.
      ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
      ...(region === null ? (endpoint === null ? {} : { region: "us-east-1" }) : { region }),
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      maxAttempts: 1, // what is tried again is decided here, where the body is part of it
      requestHandler: { connectionTimeout: 5000, socketTimeout: 30_000 },
    }),
  }));
  clients.set(key, loading);
  return await loading;
}

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;

const isNoBucket = (error: unknown): boolean => (error as Error).name === "NoSuchBucket";

/** The server, or the way to it: not what was asked. */
function isTransient(error: unknown): boolean {
  if (error instanceof ShoalError) return false;
  const status = statusOf(error);
  if (status !== undefined && status >= 400)
    return (status >= 500 && status !== 501) || status === 408 || status === 429;
  const { name, code, message } = error as NodeJS.ErrnoException;
  return (
    /Timeout|AbortError|NetworkingError/i.test(name) ||
    /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ERR_STREAM)/.test(code ?? "") ||
    /socket hang up|timeout|aborted|premature/i.test(message)
  );
}
