import { describe, expect, test } from "vitest";
import { noMounts, type ObjectPlace } from "../protocol/place.ts";
import { mountsBelow, mountTable, placeOf, placeText } from "./mounts.ts";
import { libraryConfig } from "./objects/schemes.ts";

const nowhere = { endpoint: null, region: null };

describe("names to places", () => {
  const table = mountTable(
    {
      mounts: {
        "/data": "s3://logs/all",
        "/data/2024": { url: "s3://old", endpoint: "http://127.0.0.1:9000", region: "eu" },
        "/data/here": "/var/here",
        "/whole": "s3://whole",
        "/azure": { url: "azblob://box/in/", endpoint: "http://127.0.0.1:10000/account" },
        "/web": "https://example.com/d%20%C3%A9",
      },
    },
    {},
  );
  const text = (name: string, directory = "/home/me"): string => placeText(placeOf(name, directory, table));

  test.each([
    ["a.txt", "/home/me/a.txt"],
    ["/data/x.log", "s3://logs/all/x.log"],
    ["/data", "s3://logs/all"],
    ["/data/", "s3://logs/all"],
    ["/database/x", "/database/x"],
    ["/data/2024/x.log", "s3://old/x.log"],
    ["/data/2024", "s3://old/"],
    ["/azure/x", "azblob://box/in/x"],
    ["azblob://box/a b", "azblob://box/a b"],
    ["webdav://localhost:8080/x/*.txt", "webdav://localhost:8080/x/*.txt"],
    ["https://example.com/a%20b%3F.txt", "https://example.com/a b?.txt"],
    ["/web/a b%20.txt", "https://example.com/d é/a b%20.txt"],
    ["/data/20245", "s3://logs/all/20245"],
    ["/data/here/x", "/var/here/x"],
    ["/data/2024/../x", "s3://logs/all/x"],
    ["/data/../etc/passwd", "/etc/passwd"],
    ["../../data/x", "s3://logs/all/x"],
    ["/whole/a//b", "s3://whole/a/b"],
    ["s3://other/key/*.txt", "s3://other/key/*.txt"],
    ["s3://other", "s3://other/"],
    ["s3://other//a//b", "s3://other/a/b"],
  ])("%s is %s", (name, place) => expect(text(name)).toBe(place));

  test("a mount's place has its endpoint, a URL the default one", () => {
    expect(placeOf("/data/2024/x", "/", table)).toEqual({
      kind: "object",
      scheme: "s3",
      bucket: "old",
      key: "x",
      store: { endpoint: "http://127.0.0.1:9000", region: "eu" },
    });
    expect(placeOf("s3://old/x", "/", table)).toMatchObject({ store: nowhere });
  });

  test("mounts are listed in the directories above them", () => {
    expect(mountsBelow("/", table).sort()).toEqual(["azure", "data", "web", "whole"]);
    expect(mountsBelow("/data", table).sort()).toEqual(["2024", "here"]);
    expect(mountsBelow("/data/2024", table)).toEqual([]);
    expect(mountsBelow("/", noMounts)).toEqual([]);
  });

  test("what the environment says of endpoints travels with the table", () => {
    const env = { AWS_ENDPOINT_URL_S3: "http://a", AWS_ENDPOINT_URL: "http://b", AWS_REGION: "r" };
    expect(mountTable({ mounts: { "/x": "s3://bucket" } }, env)).toEqual({
      mounts: [{ prefix: "/x", target: "s3://bucket", endpoint: "http://a", region: "r" }],
      stores: { s3: { endpoint: "http://a", region: "r" }, azblob: nowhere, swift: nowhere },
    });
    expect(mountTable({ stores: { s3: { endpoint: "http://c" } } }, env).stores["s3"]).toEqual({
      endpoint: "http://c",
      region: "r",
    });
    const azure = (more: object): unknown =>
      mountTable({}, { AZURE_STORAGE_ACCOUNT: "me", AZURE_STORAGE_KEY: "k", ...more }).stores["azblob"];
    expect(azure({})).toEqual({ endpoint: "https://me.blob.core.windows.net", region: null });
    expect(azure({ AZURE_STORAGE_SERVICE_ENDPOINT: "http://d/me" })).toMatchObject({
      endpoint: "http://d/me",
    });
    expect(mountTable({ stores: { gcs: { options: { allow_anonymous: true } } } }, {}).stores["gcs"]).toEqual(
      {
        ...nowhere,
        options: { allow_anonymous: "true" },
      },
    );
  });
});

describe("what cannot be a mount is refused, by its name", () => {
  test.each<[unknown, RegExp]>([
    [{ mounts: { data: "s3://bucket" } }, /the prefix "data" of a mount must be an absolute path/],
    [{ mounts: { "/": "s3://bucket" } }, /the prefix "\/"/],
    [{ mounts: { "/data/": "s3://bucket" } }, /the prefix "\/data\/"/],
    [{ mounts: { "/a/../b": "s3://bucket" } }, /the prefix "\/a\/..\/b"/],
    [{ mounts: { "/data": "bucket" } }, /mounts\["\/data"\] must be a store's URL or an absolute directory/],
    [{ mounts: { "/data": 7 } }, /mounts\["\/data"\] must be an object, received 7/],
    [{ mounts: { "/data": { endpoint: "http://x" } } }, /mounts\["\/data"\]\.url must be/],
    [
      { mounts: { "/data": { url: "s3://bucket", endpoint: "x" } } },
      /endpoint must be an http: or https: URL/,
    ],
    [{ mounts: { "/data": "s3://b" } }, /"s3:\/\/b" names no place in a store/],
    [{ mounts: { "/data": "s3://bucket/../other" } }, /names no place in a store/],
    [{ mounts: [] }, /mounts must be an object/],
    [{ stores: { s3: { region: 7 } } }, /stores\.s3\.region must be a string, received 7/],
    [{ stores: { ftp: {} } }, /there is no store with URLs that begin with "ftp:"/],
    [
      { stores: { http: { endpoint: "http://x" } } },
      /endpoint must be left out: http: URLs name their server/,
    ],
    [{ stores: { s3: { endpoint: "http://me:secret@x" } } }, /endpoint must be an http: or https: URL/],
    [
      { mounts: { "/data": { url: "azblob://box", options: { account_key: "k" } } } },
      /must be left out: azblob takes none \(credentials never travel\)/,
    ],
    [{ stores: { gcs: { options: { allow_anonymous: {} } } } }, /allow_anonymous must be a string/],
  ])("%j", (options, message) => {
    expect(() => mountTable(options as never, {})).toThrow(message);
  });

  test.each<[string, RegExp]>([
    ["s3:", /names no place/],
    ["s3://", /names no place/],
    ["s3:///key", /names no place/],
    ["s3://bucket/../x", /names no place/],
    ["s3://bucket/a/./b", /names no place/],
    ["s3:bucket/key", /names no place/],
    ["azblob://box/../other/x", /names no place/],
    ["http://me:secret@host/x", /^"http:\/\/…@host\/x" names no place/],
    ["https://host/%2e%2e/x", /names no place/],
    ["https://host/x?y=1", /is not a plain URL of a file/],
    ["https://host/100%", /is not a plain URL of a file/],
    ["ftp://host/x", /there is no store with URLs that begin with "ftp:"/],
    ["constructor://host/x", /there is no store/],
  ])("%s", (url, message) => {
    expect(() => placeOf(url, "/", noMounts)).toThrow(message);
  });

  test.each(["a:b", "notes/http://x", "C://x", "file://x"])("%s, which is a path", (name) => {
    expect(placeOf(name, "/", noMounts).kind).toBe("file");
  });

  test("logins are for their servers alone", () => {
    const env = { SHOAL_STORE_LOGINS: "webdavs://me:s%40crt@dav.example.com http://you:x@127.0.0.1:8080" };
    const of = (url: string): unknown => libraryConfig(placeOf(url, "/", noMounts) as ObjectPlace, env);
    expect(of("webdavs://dav.example.com/a")).toEqual({
      endpoint: "https://dav.example.com",
      username: "me",
      password: "s@crt",
    });
    expect(of("http://127.0.0.1:8080/a")).toMatchObject({ username: "you", password: "x" });
    for (const other of ["webdav://dav.example.com/a", "webdavs://example.com/a", "http://127.0.0.1:80/a"])
      expect(of(other)).not.toHaveProperty("password");
  });
});
