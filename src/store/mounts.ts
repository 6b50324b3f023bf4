// Names to places: what a user wrote (paths, `file:` and `s3:` URLs) under the mounts that are set. The longest prefix
// wins; what is under none is a file.
//
// A path is made absolute and free of ".." before a mount is looked for, so that no name leaves its mount.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { ShoalError } from "../errors.ts";
import type { Mount, MountTable, ObjectPlace, Place, StoreSettings } from "../protocol/place.ts";

/** Mounts as users set them: `{ "/data": "s3://bucket/logs" }`. */
export type MountSettings = Readonly<Record<string, string | MountTarget>>;

export interface MountTarget {
  /** "s3://bucket/prefix", a `file:` URL, or an absolute directory. */
  readonly url: string;
  /** A server that speaks S3, for instance "http://127.0.0.1:9000". Default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL. */
  readonly endpoint?: string;
  /** Default: AWS_REGION. */
  readonly region?: string;
}

export interface StoreOptions {
  readonly mounts?: MountSettings;
  /** Of `s3:` URLs that are under no mount. */
  readonly s3?: { readonly endpoint?: string; readonly region?: string };
}

type Env = Readonly<Record<string, string | undefined>>;

/** Of a store; names of files are paths here. */
export const isUrl = (name: string): boolean => name.startsWith("s3:");

/** What is set, checked, with what the environment says of endpoints: workers need not be told again. BAD_OPTION. */
export function mountTable({ mounts = {}, s3 = {} }: StoreOptions, env: Env = process.env): MountTable {
  requireObject("mounts", mounts);
  requireObject("s3", s3);
  const table = Object.entries(mounts).map(([prefix, target]) => mountOf(prefix, target, env));
  table.sort((a, b) => b.prefix.length - a.prefix.length);
  return { mounts: table, s3: storeSettings("s3", s3, env) };
}

function mountOf(prefix: string, value: unknown, env: Env): Mount {
  const what = `mounts[${JSON.stringify(prefix)}]`;
  if (!prefix.startsWith("/") || path.posix.normalize(prefix) !== prefix || /^\/$|[^/]\/$/.test(prefix)) {
    throw bad(`the prefix ${JSON.stringify(prefix)} of a mount`, 'an absolute path such as "/data"');
  }
  const target = typeof value === "string" ? { url: value } : value;
  requireObject(what, target);
  const { url } = target as { url?: unknown };
  if (typeof url !== "string") throw bad(`${what}.url`, '"s3://bucket/prefix" or a directory', url);
  if (isUrl(url)) {
    const { bucket, key } = objectOf(url, { endpoint: null, region: null });
    return {
      prefix,
      target: `s3://${bucket}/${key.replace(/\/+$/, "")}`,
      ...storeSettings(what, target, env),
    };
  }
  const directory = url.startsWith("file:") ? fileURLToPath(url) : url;
  if (!path.isAbsolute(directory)) throw bad(what, "an s3:// URL or an absolute directory", url);
  return { prefix, target: path.resolve(directory), endpoint: null, region: null };
}

function storeSettings(what: string, value: object, env: Env): StoreSettings {
  const { endpoint, region } = value as { endpoint?: unknown; region?: unknown };
  if (endpoint !== undefined && !(typeof endpoint === "string" && /^https?:\/\/[^/]+/.test(endpoint)))
    throw bad(`${what}.endpoint`, "an http: or https: URL", endpoint);
  if (region !== undefined && typeof region !== "string") throw bad(`${what}.region`, "a string", region);
  return {
    endpoint: endpoint ?? env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"] ?? null,
    region: region ?? env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? null,
  };
}

/** Where the bytes of that name are; relative names are in `directory`. BAD_OPTION for an `s3:` URL that is none. */
export function placeOf(name: string, directory: string, table: MountTable): Place {
  if (isUrl(name)) return objectOf(name, table.s3);
  const absolute = path.resolve(directory, name);
  const mount = table.mounts.find(({ prefix }) => absolute === prefix || absolute.startsWith(`${prefix}/`));
  if (mount === undefined) return { kind: "file", path: absolute };
  const rest = absolute.slice(mount.prefix.length);
  if (!isUrl(mount.target)) return { kind: "file", path: mount.target + rest };
  const { bucket, key } = objectOf(mount.target, mount);
  const { endpoint, region } = mount;
  return { kind: "s3", bucket, key: `${key}${rest}`.replace(/^\/+/, ""), store: { endpoint, region } };
}

/** Names of the mounts directly below that directory: they are listed with what it holds. */
export function mountsBelow(directory: string, table: MountTable): string[] {
  const head = directory.endsWith("/") ? directory : `${directory}/`;
  const below = table.mounts.filter(({ prefix }) => prefix.startsWith(head));
  return [...new Set(below.map(({ prefix }) => prefix.slice(head.length).split("/")[0]!))];
}

/** An absolute path, or an `s3:` URL. */
export const placeText = (place: Place): string =>
  place.kind === "file" ? place.path : `s3://${place.bucket}/${place.key}`;

function objectOf(url: string, store: StoreSettings): ObjectPlace {
  const [, bucket = "", key = ""] = /^s3:\/\/([^/]*)\/*(.*)$/s.exec(url) ?? [];
  const isOutside = key.split("/").some((segment) => segment === ".." || segment === ".");
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket) || isOutside) {
    throw new ShoalError("BAD_OPTION", `${JSON.stringify(url)} names no place in a store`, {
      hint: "Write s3://bucket/key, without . and .. in it.",
    });
  }
  return { kind: "s3", bucket, key: key.replace(/\/{2,}/g, "/"), store };
}

function requireObject(what: string, value: unknown): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw bad(what, "an object", value);
}

const bad = (what: string, expected: string, received?: unknown): ShoalError =>
  new ShoalError(
    "BAD_OPTION",
    `${what} must be ${expected}${received === undefined ? "" : `, received ${JSON.stringify(received)}`}`,
    { hint: 'For instance: mounts: { "/data": "s3://bucket/logs" }.' },
  );
