import { describe, expect, test } from "vitest";
import { noMounts } from "../protocol/place.ts";
import { mountsBelow, mountTable, placeOf, placeText } from "./mounts.ts";

const nowhere = { endpoint: null, region: null };

describe("names to places", () => {
  const table = mountTable(
    {
      mounts: {
        "/data": "s3://logs/all",
        "/data/2024": { url: "s3://old", endpoint: "http://127.0.0.1:9000", region: "eu" },
        "/data/here": "/var/here",
        "/whole": "s3://whole",
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
      kind: "s3",
      bucket: "old",
      key: "x",
      store: { endpoint: "http://127.0.0.1:9000", region: "eu" },
    });
    expect(placeOf("s3://old/x", "/", table)).toMatchObject({ store: nowhere });
  });

  test("mounts are listed in the directories above them", () => {
    expect(mountsBelow("/", table).sort()).toEqual(["data", "whole"]);
    expect(mountsBelow("/data", table).sort()).toEqual(["2024", "here"]);
    expect(mountsBelow("/data/2024", table)).toEqual([]);
    expect(mountsBelow("/", noMounts)).toEqual([]);
  });

  test("what the environment says of endpoints travels with the table", () => {
    const env = { AWS_ENDPOINT_URL_S3: "http://a", AWS_ENDPOINT_URL: "http://b", AWS_REGION: "r" };
    expect(mountTable({ mounts: { "/x": "s3://bucket" } }, env)).toEqual({
      mounts: [{ prefix: "/x", target: "s3://bucket/", endpoint: "http://a", region: "r" }],
      s3: { endpoint: "http://a", region: "r" },
    });
    expect(mountTable({ s3: { endpoint: "http://c" } }, env).s3).toEqual({
      endpoint: "http://c",
      region: "r",
    });
  });
});

describe("what cannot be a mount is refused, by its name", () => {
  test.each<[unknown, RegExp]>([
    [{ mounts: { data: "s3://bucket" } }, /the prefix "data" of a mount must be an absolute path/],
    [{ mounts: { "/": "s3://bucket" } }, /the prefix "\/"/],
    [{ mounts: { "/data/": "s3://bucket" } }, /the prefix "\/data\/"/],
    [{ mounts: { "/a/../b": "s3://bucket" } }, /the prefix "\/a\/..\/b"/],
    [{ mounts: { "/data": "bucket" } }, /mounts\["\/data"\] must be an s3:\/\/ URL or an absolute directory/],
    [{ mounts: { "/data": 7 } }, /mounts\["\/data"\] must be an object, received 7/],
    [{ mounts: { "/data": { endpoint: "http://x" } } }, /mounts\["\/data"\]\.url must be/],
    [
      { mounts: { "/data": { url: "s3://bucket", endpoint: "x" } } },
      /endpoint must be an http: or https: URL/,
    ],
    [{ mounts: { "/data": "s3://b" } }, /"s3:\/\/b" names no place in a store/],
    [{ mounts: { "/data": "s3://bucket/../other" } }, /names no place in a store/],
    [{ mounts: [] }, /mounts must be an object/],
    [{ s3: { region: 7 } }, /s3\.region must be a string, received 7/],
  ])("%j", (options, message) => {
    expect(() => mountTable(options as never, {})).toThrow(message);
  });

  test.each(["s3:", "s3://", "s3:///key", "s3://bucket/../x", "s3://bucket/a/./b", "s3:bucket/key"])(
    "%s",
    (url) => {
      expect(() => placeOf(url, "/", noMounts)).toThrow(/names no place in a store/);
    },
  );
});
