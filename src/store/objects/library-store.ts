// A store that the optional storage library speaks (opendal), as object-store.ts wants one. The library runs in a process
// of its own (library-process.ts); here is what its answers mean.
//
// What bites: it says kinds of errors in their text alone, and whole requests with them, signatures included; it cuts
// blanks off keys, and lets ".." leave where it is rooted.

import { setTimeout as wait } from "node:timers/promises";
import { inTurns } from "../../base/in-turns.ts";
import { isShoalError, ShoalError } from "../../errors.ts";
import { again, storesWordFor } from "./again.ts";
import { askLibrary, endedCode, LibraryError } from "./library-process.ts";
import type { Ask, EntryData, MetadataData } from "./library-process.ts";
import type { Frame } from "./library-frames.ts";
import type { Abilities, Listing, ObjectInfo, ObjectStore } from "./object-store.ts";
import { libraryConfig, schemeOf, type StorePlace } from "./schemes.ts";

const libraryVersion = "0.49.2";
const requestsMax = 16;
/** A copy that a store does later is waited for so long. */
const copyMaxMs = 10 * 60_000;

export class LibraryStore implements ObjectStore {
  private readonly place: StorePlace;
  private known: Abilities | null = null;

  constructor({ scheme, bucket, store }: StorePlace) {
    this.place = { scheme, bucket, store };
  }

  async abilities(): Promise<Abilities> {
    if (this.known !== null) return this.known;
    const { head } = await this.ask("asking what it can do", { kind: "abilities" });
    return (this.known = { list: head["list"] === true, output: head["output"] === true });
  }

  async info(key: string): Promise<ObjectInfo | null> {
    const what = `looking at ${this.url(key)}`;
    const answer = await this.unlessGone(what, { kind: "info", key: this.checked(key) });
    if (answer === null) return null;
    const found = answer.head["info"] as MetadataData;
    if (found.isDirectory) return null;
    if (found.size === 0 && schemeOf(this.place.scheme).isWeb) await this.requireEmpty(key);
    return this.infoOf(key, found);
  }

  async list(prefix: string, isDeep: boolean, atMost = Infinity): Promise<Listing> {
    const objects = new Map<string, ObjectInfo>();
    const directories: string[] = [];
    const what = `listing ${this.url(prefix)}`;
    const { list } = await this.abilities();
    if (!list) {
      throw new ShoalError("STORE_REFUSED", `${what} failed: ${this.place.scheme}: has no listings`, {
        hint: "Name each of its files, without patterns.",
      });
    }
    const limit = atMost === Infinity ? null : atMost;
    const asked = { kind: "list", prefix: this.checked(prefix), isDeep, atMost: limit } as const;
    const answer = await this.unlessGone(what, asked);
    for (const [path, found] of (answer?.head["entries"] ?? []) as EntryData[]) {
      // a server with directories lists the one that was asked for, too, and a file for its name with "/"
      if (path === prefix || !path.startsWith(prefix)) continue;
      if (!path.endsWith("/")) objects.set(path, this.infoOf(path, found));
      else if (!isDeep) directories.push(path);
    }
    return { objects, directories, isWhole: (answer?.head["isWhole"] ?? true) === true };
  }

  async read(
    key: string,
    etag: string | null,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): Promise<Buffer | null> {
    const { isConditional } = schemeOf(this.place.scheme).library!;
    const isStrong = etag?.startsWith('"') === true;
    const ask: Ask = {
      kind: "read",
      key: this.checked(key),
      from,
      to: to === Infinity ? null : to,
      ifMatch: isConditional && isStrong ? etag : null,
      looksAfter: etag !== null && !(isConditional && isStrong),
    };
    const answer = await this.unlessGone(`reading ${this.url(key)}`, ask, signal);
    if (answer === null) return null;
    const after = answer.head["info"] as MetadataData | undefined;
    return after === undefined || this.infoOf(key, after).etag === etag ? answer.bytes : null;
  }

  async readText(key: string): Promise<string | null> {
    return (await this.read(key, null, 0, Infinity))?.toString("utf8") ?? null;
  }

  async write(key: string, text: string): Promise<void> {
    await this.ask(`writing ${this.url(key)}`, { kind: "write", key: this.checked(key), text, isNew: false });
  }

  async create(key: string, text: string): Promise<boolean> {
    try {
      await this.ask(`creating ${this.url(key)}`, {
        kind: "write",
        key: this.checked(key),
        text,
        isNew: true,
      });
      return true;
    } catch (error) {
      if (storesWordFor(error) !== "ConditionNotMatch") throw error;
      // A try before this one may have come through without its answer: then what is there is ours.
      return (await this.readText(key)) === text;
    }
  }

  async upload(key: string, file: string, signal?: AbortSignal): Promise<void> {
    await this.ask(`writing ${this.url(key)}`, { kind: "upload", key: this.checked(key), file }, signal);
  }

  async copy(from: string, to: string, size: number): Promise<boolean> {
    const what = `copying ${this.url(from)}`;
    const ask: Ask = { kind: "copy", from: this.checked(from), to: this.checked(to) };
    if ((await this.unlessGone(what, ask)) === null) return false;
    const end = performance.now() + copyMaxMs;
    for (let pauseMs = 50; (await this.info(to))?.size !== size; pauseMs = Math.min(5000, 2 * pauseMs)) {
      if (performance.now() > end) throw new ShoalError("STORE_FAILED", `${what} did not end`);
      await wait(pauseMs);
    }
    return true;
  }

  async delete(keys: readonly string[]): Promise<void> {
    await inTurns(keys, requestsMax, (key) =>
      this.unlessGone(`deleting ${this.url(key)}`, { kind: "delete", key: this.checked(key) }),
    );
  }

  /** The stores that can take output forget parts that nobody has put together, or have rules for it. */
  async abandonUploads(): Promise<void> {
    await Promise.resolve();
  }

  private url(key: string): string {
    return `${this.place.scheme}://${this.place.bucket}/${key}`;
  }

  /** What the library would take for another key is not asked for. */
  private checked(key: string): string {
    const segments = key.replace(/\/$/, "").split("/");
    const isOther = key !== "" && segments.some((name) => name === "" || name === "." || name === "..");
    if (!isOther && key.trim() === key) return key;
    throw new ShoalError(
      "STORE_REFUSED",
      `the storage library cannot name ${JSON.stringify(this.url(key))}`,
      {
        hint: 'It takes no blanks at the ends of a key, and no empty names, "." or ".." in it.',
      },
    );
  }

  private infoOf(key: string, { size, etag, modified }: MetadataData): ObjectInfo {
    if (etag) return { size, etag };
    if (modified) return { size, etag: `${modified} ${size}` };
    throw new ShoalError(
      "STORE_REFUSED",
      `${this.url(key)} has neither an ETag nor a time: nothing would tell that it was replaced while it is read`,
      { hint: "Have the server send ETag or Last-Modified, or copy the file." },
    );
  }

  /** Where a server does not say how large a file is, the library says 0. */
  private async requireEmpty(key: string): Promise<void> {
    const ask: Ask = { kind: "read", key, from: 0, to: 1, ifMatch: null, looksAfter: false };
    const isEmpty = await this.ask(`looking at ${this.url(key)}`, ask).then(
      ({ bytes }) => bytes.length === 0,
      (error: unknown) => {
        if (isShoalError(error) && error.code === "STORE_FAILED") throw error;
        return !/does not read ranges/.test((error as Error).message);
      },
    );
    if (isEmpty) return;
    throw new ShoalError("STORE_REFUSED", `the server does not say how large ${this.url(key)} is`, {
      hint: "Have it send Content-Length for HEAD requests, or copy the file.",
    });
  }

  /** Null: there is nothing of that name, or it is another one now. */
  private async unlessGone(what: string, ask: Ask, signal?: AbortSignal): Promise<Frame | null> {
    try {
      return await this.ask(what, ask, signal);
    } catch (error) {
      if (["NotFound", "ConditionNotMatch", "RangeNotSatisfied"].includes(storesWordFor(error) ?? ""))
        return null;
      throw error;
    }
  }

  private async ask(what: string, ask: Ask, signal?: AbortSignal): Promise<Frame> {
    const { scheme } = this.place;
    const config = libraryConfig(this.place, process.env);
    const asked = { scheme: schemeOf(scheme).library!.name, config, ask };
    return await again(
      () => untilAborted(() => askLibrary(asked), signal),
      isTransient,
      (error) => this.failed(what, error),
      signal,
    );
  }

  private failed(what: string, error: unknown): Error {
    if (!(error instanceof LibraryError)) return error as Error;
    if (error.code === "ERR_MODULE_NOT_FOUND" || /cannot find module|native binding/i.test(error.message))
      return notThere(this.place.scheme, error.message);
    const { kind, text } = partsOf(error);
    if (/reader got too much data/.test(text)) {
      return new ShoalError("STORE_REFUSED", `${what} failed: the server does not read ranges`, {
        hint: "Serve the file by one that does (Accept-Ranges), or copy it.",
      });
    }
    const { scheme, bucket } = this.place;
    const isNoBucket = noBucket.test(error.message);
    const hint = isNoBucket
      ? `Make the bucket, or correct its name: ${bucket}.`
      : kind === "PermissionDenied" || /HTTP 401/.test(text) || noCredentials.test(error.message)
        ? `Set ${schemeOf(scheme).credentials}, on every machine.`
        : null;
    return new ShoalError(isTransient(error) ? "STORE_FAILED" : "STORE_REFUSED", `${what} failed: ${text}`, {
      ...(hint === null ? {} : { hint }),
      details: { error: isNoBucket ? "NoSuchBucket" : kind, bucket },
    });
  }
}

const noBucket = /ContainerNotFound|NoSuchBucket|NoSuchContainer|specified bucket does not exist/;
const noCredentials = /loading credential/;

/** "Kind (temporary) at operation, context: { … } => what the server said, source: …" */
function partsOf({ message }: Error): { kind: string; isTemporary: boolean; text: string } {
  const [, kind = "Unexpected", how = ""] = /^(\w+) \((\w+)\) at /.exec(message) ?? [];
  const [, status] = /status: (\d{3})/.exec(message) ?? [];
  const [, code, said] =
    /=> \w+ \{.*?code: "([^"]*)"(?:.*?message: "((?:[^"\\]|\\.)*)")?/s.exec(message) ?? [];
  const after = code ?? message.slice(message.lastIndexOf("} => ") + 1).replace(/^ ?=> /, "");
  const more = said ? `: ${said.split(/\\n|\n| RequestId/)[0]!}` : "";
  const what = [kind === "Unexpected" ? null : kind, status ? `HTTP ${status}` : null, `${after}${more}`];
  // requests that are signed have their signature in the query
  const text = what
    .filter((part) => part !== null && part !== "")
    .join(", ")
    .replace(/\?[^\s)"]*/g, "?…")
    .trim();
  return { kind, isTemporary: how === "temporary" || kind === "RateLimited", text };
}

function isTransient(error: unknown): boolean {
  if (!(error instanceof LibraryError) || noCredentials.test(error.message)) return false;
  if (error.code === endedCode) return true;
  return partsOf(error).isTemporary;
}

async function untilAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work();
  signal.throwIfAborted();
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

const notThere = (scheme: string, why: string): ShoalError =>
  new ShoalError(
    "STORE_REFUSED",
    `${scheme}: URLs need the optional storage library, opendal ${libraryVersion}`,
    {
      hint: `Install it beside shoal, on every machine: npm install opendal@${libraryVersion}`,
      details: { cause: why.split("\n")[0] },
    },
  );
