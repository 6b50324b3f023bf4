// What every store must do (store/objects/object-store.ts), as one suite: each gives a factory, and what it does not do, with
// the reason.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findInput } from "../../src/data/input/find.ts";
import type { StoreSettings } from "../../src/protocol/place.ts";
import type { ObjectStore } from "../../src/store/objects/object-store.ts";
import { storeOf } from "../../src/store/objects/stores.ts";

export interface OpenStore {
  readonly scheme: string;
  readonly bucket: string;
  readonly settings: StoreSettings;
  /** Of objects that are there before: by whoever fills a store that cannot be written to. */
  put?(key: string, text: string): void | Promise<void>;
  delete?(key: string): void | Promise<void>;
}

export interface StoreUnderTest {
  readonly name: string;
  start(): Promise<void>;
  /** A bucket, or what stands for one, with nothing in it. */
  open(name: string): Promise<OpenStore>;
  close(): Promise<void>;
  /** What it does not do, and why. */
  readonly deviations: {
    readonly output?: string;
    readonly list?: string;
    readonly write?: string;
    readonly buckets?: string;
    readonly blanks?: string;
  };
}

export function storeSuite({ name, start, open, close, deviations }: StoreUnderTest): void {
  describe(name, () => {
    let opened: OpenStore;
    let store: ObjectStore;
    let directory: string;
    let buckets = 0;
    const put = async (key: string, text: string): Promise<void> =>
      await (opened.put === undefined ? store.write(key, text) : opened.put(key, text));
    const remove = async (key: string): Promise<void> =>
      await (opened.delete === undefined ? store.delete([key]) : opened.delete(key));
    const etagOf = async (key: string): Promise<string> => (await store.info(key))!.etag;
    const unless = (reason: string | undefined): typeof test =>
      (reason === undefined ? test : test.skip) as typeof test; // reason: the deviation says it

    beforeAll(async () => {
      directory = mkdtempSync(path.join(tmpdir(), "shoal-store-"));
      await start();
    }, 120_000);
    afterAll(async () => {
      await close();
      rmSync(directory, { recursive: true, force: true });
    });
    beforeEach(async () => {
      opened = await open(`box-${++buckets}`);
      store = storeOf({ scheme: opened.scheme, bucket: opened.bucket, store: opened.settings });
    });

    test("says what it can do", async () => {
      expect(await store.abilities()).toEqual({
        list: deviations.list === undefined,
        output: deviations.output === undefined,
      });
    });

    test("tells of an object, and that there is none", async () => {
      await put("in/a é+%.txt", "hello world");
      expect(await store.info("in/a é+%.txt")).toMatchObject({ size: 11 });
      expect(await store.info("in/b")).toBeNull();
      expect(await store.info("in")).toBeNull();
      expect(await store.readText("in/b")).toBeNull();
      expect(await store.readText("in/a é+%.txt")).toBe("hello world");
    });

    test("reads ranges of the object that was asked for, and of no other", async () => {
      await put("a", "hello world");
      const etag = await etagOf("a");
      expect(String(await store.read("a", etag, 6, 11))).toBe("world");
      expect(String(await store.read("a", null, 0, 5))).toBe("hello");
      await put("a", "HELLO WORLD, of another size");
      expect(await etagOf("a")).not.toBe(etag);
      expect(await store.read("a", etag, 6, 11)).toBeNull();
      await remove("a");
      expect(await store.read("a", etag, 6, 11)).toBeNull();
      expect(await store.read("a", null, 6, 11)).toBeNull();
    });

    test("reads what is empty", async () => {
      await put("empty", "");
      expect(await store.info("empty")).toMatchObject({ size: 0 });
      expect(await store.readText("empty")).toBe("");
    });

    test("gives up a read that is not wanted any more", async () => {
      await put("a", "x");
      const abandon = new AbortController();
      abandon.abort(new Error("not wanted"));
      await expect(store.read("a", null, 0, 1, abandon.signal)).rejects.toThrow("not wanted");
    });

    unless(deviations.list)("lists what is directly below, with what a look would tell", async () => {
      for (const key of ["in/a.txt", "in/b é+%.txt", "in/deep/c", "in/deep/er/d", "inside"])
        await put(key, key);
      const { objects, directories, isWhole } = await store.list("in/", false);
      expect([...objects.keys()].sort()).toEqual(["in/a.txt", "in/b é+%.txt"]);
      expect(directories).toEqual(["in/deep/"]);
      expect(isWhole).toBe(true);
      for (const [key, info] of objects) expect(await store.info(key)).toEqual(info);
      expect((await store.list("", false)).directories).toContain("in/");
      const none = { objects: new Map(), directories: [], isWhole: true };
      expect(await store.list("nothing/", false)).toEqual(none);
      expect(await store.list("in/a.txt/", false)).toEqual(none);
    });

    unless(deviations.list)("lists all below, and ends early when it is enough", async () => {
      for (let i = 0; i < 12; i++) await put(`in/${i % 3}/${i}`, "x");
      const { objects, directories } = await store.list("in/", true);
      expect(objects.size).toBe(12);
      expect(directories).toEqual([]);
      const some = await store.list("in/0/", false, 2);
      expect(some.isWhole).toBe(false);
      expect([2, 3]).toContain(some.objects.size);
      expect((await store.list("in/0/", false, 100)).isWhole).toBe(true);
    });

    unless(deviations.list)("is searched with one listing a directory, and no look", async () => {
      for (const key of ["in/a/1.txt", "in/a/2.txt", "in/b/3.txt", "in/b/c/4.txt", "in/5.txt"])
        await put(key, "x");
      const asked: string[] = [];
      const watched = store as { info: unknown; list: unknown };
      const { info, list } = store;
      watched.info = (key: string) => (asked.push(`look ${key}`), info.call(store, key));
      watched.list = (...of: Parameters<typeof list>) => (asked.push(`list ${of[0]}`), list.apply(store, of));
      try {
        const url = `${opened.scheme}://${opened.bucket}/in`;
        const table = { mounts: [], stores: { [opened.scheme]: opened.settings } };
        const search = async (pattern: string): Promise<string[]> =>
          (await findInput([pattern], "/", table)).files.map((file) => file.name.slice(url.length));
        const all = ["/5.txt", "/a/1.txt", "/a/2.txt", "/b/3.txt", "/b/c/4.txt"];
        expect(await search(url)).toEqual(all);
        expect(asked).toEqual(["look in", "list in/", "list in/a/", "list in/b/", "list in/b/c/"]);
        expect(await search(`${url}/**/*.txt`)).toEqual(all);
        expect(await search(`${url}/*/3.txt`)).toEqual(["/b/3.txt"]);
      } finally {
        delete watched.info;
        delete watched.list;
      }
    });

    unless(deviations.output)("of twenty that create an object, one does", async () => {
      const made = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.create("once", `mine is ${i}`)),
      );
      expect(made.filter(Boolean)).toHaveLength(1);
      expect(await store.readText("once")).toBe(`mine is ${made.indexOf(true)}`);
      // a repetition of one's own, whose answer was lost
      expect(await store.create("once", `mine is ${made.indexOf(true)}`)).toBe(true);
    });

    unless(deviations.output)(
      "takes a large file in parts, and copies and deletes objects of any name",
      async () => {
        const file = path.join(directory, "large");
        const bytes = Buffer.alloc(40 * 2 ** 20, "0123456789abcdef\n");
        writeFileSync(file, bytes);
        await store.upload("large é+%", file);
        expect(await store.copy("large é+%", "copied", bytes.length)).toBe(true);
        expect(await store.copy("not there", "copied", 1)).toBe(false);
        const { size, etag } = (await store.info("copied"))!;
        expect(size).toBe(bytes.length);
        expect((await store.read("copied", etag, 0, size))!.equals(bytes)).toBe(true);
        writeFileSync(file, "");
        await store.upload("empty", file);
        await store.copy("empty", "empty too", 0);
        await store.abandonUploads("");
        await store.delete(["large é+%", "copied", "empty", "empty too", "not there"]);
        expect((await store.list("", true)).objects.size).toBe(0);
      },
    );

    unless(deviations.blanks)("names no other object than the one that was meant", async () => {
      for (const key of ["../escape", "in/../../escape", "in//a", " a", "in/a\n", "./a"]) {
        await expect(store.info(key)).rejects.toThrow(/cannot name/);
        await expect(store.read(key, null, 0, 1)).rejects.toThrow(/cannot name/);
        await expect(store.write(key, "x")).rejects.toThrow(/cannot name/);
      }
    });

    unless(deviations.buckets)("says that there is no such bucket", async () => {
      const other = storeOf({ scheme: opened.scheme, bucket: "not-there", store: opened.settings });
      const refused = expect.objectContaining({
        code: "STORE_REFUSED",
        hint: "Make the bucket, or correct its name: not-there.",
      }) as unknown;
      await expect(other.list("in/", false)).rejects.toEqual(refused);
      await expect(other.readText("a")).rejects.toEqual(refused);
      if (deviations.write === undefined) await expect(other.write("a", "x")).rejects.toEqual(refused);
    });
  });
}
