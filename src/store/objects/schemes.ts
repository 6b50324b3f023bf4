// The stores that URLs can name, as data: how a URL is read, where a store is found, what may be set for it, and which
// variables of a machine's environment hold its credentials. To add one that the storage library speaks: one entry here,
// a line in docs/stores.md, and a run of test/conformance/stores.ts on a real server.
//
// Where a store is found travels with a job, as its starter's environment says; credentials are each machine's own.

import { ShoalError } from "../../errors.ts";
import type { ObjectPlace, StoreSettings } from "../../protocol/place.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface Scheme {
  /** What is between "//" and "/": a bucket, or the server itself. */
  readonly first: "bucket" | "server";
  /** Keys are written with escapes, as browsers show them. */
  readonly isWeb: boolean;
  /** Variables that say where it is, the first that is set. */
  readonly endpoints: readonly string[];
  readonly regions: readonly string[];
  /** Names of options, as the library has them. */
  readonly options: readonly string[];
  /** For people: what a machine must have set. */
  readonly credentials: string;
  /** Null: not through the library. */
  readonly library: LibraryScheme | null;
}

export interface LibraryScheme {
  readonly name: string;
  /** Its name for buckets. */
  readonly bucket: string | null;
  readonly endpoint: (place: StorePlace, env: Env) => string | null;
  /** Its name for a secret, and the variable with it. */
  readonly secrets: Readonly<Record<string, string>>;
  /** It keeps to `If-Match`, all servers of it: what was read need not be looked at again. */
  readonly isConditional: boolean;
}

export type StorePlace = Pick<ObjectPlace, "scheme" | "bucket" | "store">;

const logins = "SHOAL_STORE_LOGINS: URLs with user and password, separated by spaces";

/** A server that is named in the URL. */
const server = (name: string, protocol: "http" | "https", more: Partial<Scheme> = {}): Scheme => ({
  first: "server",
  isWeb: name === "http",
  endpoints: [],
  regions: [],
  options: [],
  credentials: logins,
  library: {
    name,
    bucket: null,
    endpoint: ({ bucket }) => `${protocol}://${bucket}`,
    secrets: {},
    isConditional: false,
  },
  ...more,
});

const given = ({ store }: StorePlace): string | null => store.endpoint;

const all: Readonly<Record<string, Scheme>> = {
  s3: {
    first: "bucket",
    isWeb: false,
    endpoints: ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
    regions: ["AWS_REGION", "AWS_DEFAULT_REGION"],
    options: [],
    credentials: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what else the AWS SDK reads",
    library: null,
  },
  azblob: {
    first: "bucket",
    isWeb: false,
    endpoints: ["AZURE_STORAGE_SERVICE_ENDPOINT"],
    regions: [],
    options: [],
    credentials: "AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or AZURE_STORAGE_SAS_TOKEN",
    library: {
      name: "azblob",
      bucket: "container",
      endpoint: given,
      secrets: {
        account_name: "AZURE_STORAGE_ACCOUNT",
        account_key: "AZURE_STORAGE_KEY",
        sas_token: "AZURE_STORAGE_SAS_TOKEN",
      },
      isConditional: true,
    },
  },
  gcs: {
    first: "bucket",
    isWeb: false,
    endpoints: [],
    regions: [],
    options: ["allow_anonymous"],
    credentials: "GOOGLE_APPLICATION_CREDENTIALS, or the machine's own account",
    library: { name: "gcs", bucket: "bucket", endpoint: given, secrets: {}, isConditional: true },
  },
  swift: {
    first: "bucket",
    isWeb: false,
    endpoints: ["OS_STORAGE_URL"],
    regions: [],
    options: [],
    credentials: "OS_AUTH_TOKEN",
    library: {
      name: "swift",
      bucket: "container",
      endpoint: given,
      secrets: { token: "OS_AUTH_TOKEN" },
      isConditional: false,
    },
  },
  webdav: server("webdav", "http"),
  webdavs: server("webdav", "https"),
  webhdfs: server("webhdfs", "http", { options: ["user_name"], credentials: "the option user_name" }),
  http: server("http", "http"),
  https: server("http", "https"),
};

const pattern = new RegExp(`^(?:${Object.keys(all).join("|")}):|^(?!file:)[a-z][a-z0-9+.-]+://`);

/** Of a store, or of something that looks like one; other names are paths. */
export const isUrl = (name: string): boolean => pattern.test(name);

/** BAD_OPTION for one that is not known. */
export function schemeOf(name: string): Scheme {
  const scheme = Object.hasOwn(all, name) ? all[name] : undefined;
  if (scheme !== undefined) return scheme;
  throw new ShoalError(
    "BAD_OPTION",
    `there is no store with URLs that begin with ${JSON.stringify(`${name}:`)}`,
    {
      hint: `Those that are known: ${Object.keys(all).join(", ")}.`,
    },
  );
}

/** Settings of that scheme: what is not set is as `env` says. */
export function withDefaults(name: string, set: Partial<StoreSettings>, env: Env): StoreSettings {
  const { endpoints, regions } = schemeOf(name);
  const first = (variables: readonly string[]): string | null =>
    variables.map((variable) => env[variable]).find((value) => value !== undefined && value !== "") ?? null;
  const account = name === "azblob" ? env["AZURE_STORAGE_ACCOUNT"] : undefined;
  return {
    endpoint:
      set.endpoint ?? first(endpoints) ?? (account ? `https://${account}.blob.core.windows.net` : null),
    region: set.region ?? first(regions),
    ...(set.options === undefined ? {} : { options: set.options }),
  };
}

/** What the library is told, with this machine's credentials. STORE_REFUSED: where the store is was not said. */
export function libraryConfig(place: StorePlace, env: Env): Record<string, string> {
  const { first, endpoints, options, library } = schemeOf(place.scheme);
  const { name, bucket, endpoint, secrets } = library!;
  const at = endpoint(place, env);
  if (at === null && endpoints.length > 0) {
    throw new ShoalError("STORE_REFUSED", `nothing says where ${place.scheme}://${place.bucket} is`, {
      hint: `Set ${endpoints.join(" or ")} where the job is started, or the endpoint of its mount.`,
    });
  }
  const known = Object.entries(secrets).map(([key, variable]) => [key, env[variable]] as const);
  const set = Object.entries(place.store.options ?? {}).filter(([option]) => options.includes(option));
  return {
    ...(at === null ? {} : { endpoint: at }),
    ...(bucket === null ? {} : { [bucket]: place.bucket }),
    ...Object.fromEntries(set),
    ...Object.fromEntries(known.filter(([, value]) => value !== undefined && value !== "")),
    ...(first === "server" && name !== "webhdfs" ? loginOf(place, env) : {}),
  };
}

/** Only for the server that it is for: names of servers come from whoever starts a job. */
function loginOf({ scheme, bucket }: StorePlace, env: Env): { username?: string; password?: string } {
  for (const text of (env["SHOAL_STORE_LOGINS"] ?? "").split(/\s+/).filter((part) => part !== "")) {
    const [, of, user, password = "", host] =
      /^([a-z]+):\/\/([^:@/]*)(?::([^@/]*))?@([^/]+)\/?$/.exec(text) ?? [];
    if (of !== scheme || host !== bucket) continue;
    return { username: decodeURIComponent(user!), password: decodeURIComponent(password) };
  }
  return {};
}
