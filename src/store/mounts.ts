// Names to places: what a user wrote (paths, `file:` URLs, URLs of stores) under the mounts that are set. The longest prefix
// wins; what is under none is a file.
//
// A path is made absolute and free of ".." before a mount is looked for, so that no name leaves its mount.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { ShoalError } from "../errors.ts";
import {
  noMounts,
  type Mount,
  type MountTable,
  type ObjectPlace,
  type Place,
  type StoreSettings,
} from "../protocol/place.ts";
import { isUrl, schemeOf, withDefaults } from "./objects/schemes.ts";

/** Mounts as users set them: `{ "/data": "s3://bucket/logs" }`. */
export type MountSettings = Readonly<Record<string, string | MountTarget>>;

export interface MountTarget extends StoreTarget {
  /** "s3://bucket/prefix", a URL of another store, a `file:` URL, or an absolute directory. */
  readonly url: string;
}

/** How a store is reached (docs/stores.md); credentials are each machine's own. */
export interface StoreTarget {
  /** For instance "http://127.0.0.1:9000". Default: the environment's, for S3 AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL. */
  readonly endpoint?: string;
  /** Default: AWS_REGION. */
  readonly region?: string;
  /** What else its scheme takes. */
  readonly options?: Readonly<Record<string, string | number | boolean>>;
}

export interface StoreOptions {
  readonly mounts?: MountSettings;
  /** Of URLs that are under no mount, by their scheme: `{ s3: { endpoint: "http://127.0.0.1:9000" } }`. */
  readonly stores?: Readonly<Record<string, StoreTarget>>;
}

type Env = Readonly<Record<string, string | undefined>>;

export { isUrl };

/** What is set, checked, with what the environment says of endpoints: workers need not be told again. BAD_OPTION. */
export function mountTable({ mounts = {}, stores = {} }: StoreOptions, env: Env = process.env): MountTable {
  requireObject("mounts", mounts);
  requireObject("stores", stores);
  const table = Object.entries(mounts).map(([prefix, target]) => mountOf(prefix, target, env));
  table.sort((a, b) => b.prefix.length - a.prefix.length);
  const schemes = new Set([...Object.keys(stores), ...defaultSchemes]);
  const settings = [...schemes].map((scheme) => {
    const target = stores[scheme] ?? {};
    requireObject(`stores.${scheme}`, target);
    return [scheme, storeSettings(`stores.${scheme}`, scheme, target, env)] as const;
  });
  return { mounts: table, stores: Object.fromEntries(settings) };
}

/** Those whose place the environment of whoever starts a job may say. */
const defaultSchemes = ["s3", "azblob", "swift"];

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
    const { scheme } = objectOf(url, noSettings);
    return {
      prefix,
      target: url.replace(/\/+$/, ""),
      ...storeSettings(what, scheme, target, env),
    };
  }
  const directory = url.startsWith("file:") ? fileURLToPath(url) : url;
  if (!path.isAbsolute(directory)) throw bad(what, "a store's URL or an absolute directory", url);
  return { prefix, target: path.resolve(directory), ...noSettings };
}

const noSettings: StoreSettings = { endpoint: null, region: null };

function storeSettings(what: string, scheme: string, value: object, env: Env): StoreSettings {
  const { endpoint, region, options } = value as Readonly<Record<string, unknown>>;
  const { first, options: known } = schemeOf(scheme);
  if (endpoint !== undefined && first === "server")
    throw bad(`${what}.endpoint`, `left out: ${scheme}: URLs name their server`, endpoint);
  if (endpoint !== undefined && !(typeof endpoint === "string" && /^https?:\/\/[^/@]+(\/|$)/.test(endpoint)))
    throw bad(`${what}.endpoint`, "an http: or https: URL", endpoint);
  if (region !== undefined && typeof region !== "string") throw bad(`${what}.region`, "a string", region);
  const set = {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
  };
  if (options === undefined) return withDefaults(scheme, set, env);
  requireObject(`${what}.options`, options);
  const texts = Object.entries(options).map(([name, option]): [string, string] => {
    if (!known.includes(name)) {
      const names = known.length === 0 ? `left out: ${scheme} takes none` : `one of ${known.join(", ")}`;
      throw bad(`the name of an option in ${what}`, `${names} (credentials never travel)`, name);
    }
    if (!["string", "number", "boolean"].includes(typeof option))
      throw bad(`${what}.options.${name}`, "a string, number or boolean", option);
    return [name, String(option)];
  });
  return withDefaults(scheme, { ...set, options: Object.fromEntries(texts) }, env);
}

/** Where the bytes of that name are; relative names are in `directory`. BAD_OPTION for a store's URL that is none. */
export function placeOf(name: string, directory: string, table: MountTable): Place {
  if (isUrl(name)) return objectOf(name, null, table);
  const absolute = path.resolve(directory, name);
  const mount = table.mounts.find(({ prefix }) => absolute === prefix || absolute.startsWith(`${prefix}/`));
  if (mount === undefined) return { kind: "file", path: absolute };
  const rest = absolute.slice(mount.prefix.length);
  if (!isUrl(mount.target)) return { kind: "file", path: mount.target + rest };
  const { prefix: _, target, ...store } = mount;
  const place = objectOf(target, store);
  return { ...place, key: `${place.key}${rest}`.replace(/^\/+/, "") };
}

/** Names of the mounts directly below that directory: they are listed with what it holds. */
export function mountsBelow(directory: string, table: MountTable): string[] {
  const head = directory.endsWith("/") ? directory : `${directory}/`;
  const below = table.mounts.filter(({ prefix }) => prefix.startsWith(head));
  return [...new Set(below.map(({ prefix }) => prefix.slice(head.length).split("/")[0]!))];
}

/** An absolute path, or a store's URL. */
export const placeText = (place: Place): string =>
  place.kind === "file" ? place.path : `${place.scheme}://${place.bucket}/${place.key}`;

const names = {
  bucket: /^[a-z0-9][a-z0-9._-]{1,221}[a-z0-9]$/i,
  server: /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i,
};

/** `store`: its settings; null: the table's for its scheme. */
function objectOf(url: string, store: StoreSettings | null, { stores }: MountTable = noMounts): ObjectPlace {
  const scheme = url.slice(0, url.indexOf(":"));
  const { first, isWeb } = schemeOf(scheme);
  const [, bucket = "", written = ""] = /^[^:]*:\/\/([^/]*)\/*(.*)$/s.exec(url) ?? [];
  const key = isWeb ? webKey(url, written) : written;
  const isOutside = key.split("/").some((segment) => segment === ".." || segment === ".");
  if (!names[first].test(bucket) || isOutside) {
    throw new ShoalError("BAD_OPTION", `${JSON.stringify(withoutLogin(url))} names no place in a store`, {
      hint: bucket.includes("@")
        ? "Credentials never travel: leave them out of URLs, and see docs/stores.md for where they go."
        : `Write ${scheme}://${first}/key, without . and .. in it.`,
    });
  }
  const settings = store ?? (Object.hasOwn(stores, scheme) ? stores[scheme]! : noSettings);
  return { kind: "object", scheme, bucket, key: key.replace(/\/{2,}/g, "/"), store: settings };
}

/** Of a URL of the web, which is written with escapes. */
function webKey(url: string, written: string): string {
  try {
    if (!/[?#]/.test(written)) return decodeURIComponent(written);
  } catch {
    // said below
  }
  throw new ShoalError("BAD_OPTION", `${JSON.stringify(withoutLogin(url))} is not a plain URL of a file`, {
    hint: "Queries and fragments cannot be asked for; write ?, # and % of a name as %3F, %23 and %25.",
  });
}

const withoutLogin = (url: string): string => url.replace(/\/\/[^/]*@/, "//…@");

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
