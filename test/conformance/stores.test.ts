// The stores' suite on real servers: Ceph's gateway for S3 and Swift, Azurite for Azure, rclone for WebDAV, Node for HTTP.
// A server that is not on this machine skips its part (HACKING.md says how to have it).

import { describe, expect, test } from "vitest";
import { storeOf } from "../../src/store/objects/stores.ts";
import { hasAzurite, startAzurite, type AzureServer } from "../kit/azurite.ts";
import { rclone, startWeb, startWebdav, type FilesServer, type WebServer } from "../kit/files-server.ts";
import { hasS3Server, startS3, type S3Server } from "../kit/s3.ts";
import { storeSuite, type StoreUnderTest } from "./stores.ts";

const nowhere = { endpoint: null, region: null };

const notOutput = "it has no creation that has one winner";
const noBuckets = "it has no buckets";

if (hasS3Server()) {
  let server: S3Server | undefined;
  storeSuite({
    name: "S3 (Ceph)",
    start: async () => {
      server ??= await startS3();
      Object.assign(process.env, server.env);
    },
    open: async (bucket) => {
      await server!.makeBucket(bucket);
      return { scheme: "s3", bucket, settings: { endpoint: server!.endpoint, region: null } };
    },
    close: () => Promise.resolve(), // Swift's is the same one
    deviations: { blanks: "any key is one" },
  });

  let endpoint: string;
  storeSuite({
    name: "Swift (Ceph)",
    start: async () => {
      server ??= await startS3();
      const env = await server.swift();
      Object.assign(process.env, server.env, env);
      endpoint = env["OS_STORAGE_URL"]!;
    },
    open: async (bucket) => {
      await server!.makeBucket(`swift-${bucket}`);
      return { scheme: "swift", bucket: `swift-${bucket}`, settings: { endpoint, region: null } };
    },
    close: () => server!.close(),
    deviations: { output: notOutput },
  });
} else test.skip("S3 and Swift"); // reason: Ceph's gateway is not here

if (hasAzurite()) {
  let server: AzureServer;
  storeSuite({
    name: "Azure (Azurite)",
    start: async () => {
      server = await startAzurite();
      Object.assign(process.env, server.env);
    },
    open: async (bucket) => {
      await server.makeContainer(bucket);
      return { scheme: "azblob", bucket, settings: { endpoint: server.endpoint, region: null } };
    },
    close: () => server.close(),
    deviations: {},
  });
} else test.skip("Azure"); // reason: Azurite is not here

const files = (name: string, scheme: string, startServer: () => Promise<FilesServer>): StoreUnderTest => {
  let server: FilesServer | null = null;
  return {
    name,
    start: () => Promise.resolve(),
    open: async () => {
      await server?.close();
      server = await startServer();
      const { host: bucket, put, delete: remove } = server;
      return { scheme, bucket, settings: nowhere, put, delete: remove };
    },
    close: async () => await server?.close(),
    deviations: { output: notOutput, buckets: noBuckets, write: "its directory is written to" },
  };
};

if (rclone() !== null) storeSuite(files("WebDAV (rclone)", "webdav", () => startWebdav()));
else test.skip("WebDAV"); // reason: rclone is not here

const web = files("HTTP (Node)", "http", startWeb);
storeSuite({ ...web, deviations: { ...web.deviations, list: "HTTP has none" } });

describe("an HTTP server", () => {
  const withServer = async (use: (server: WebServer) => Promise<void>): Promise<void> => {
    const server = await startWeb();
    server.put("a", "hello world");
    try {
      await use(server);
    } finally {
      await server.close();
    }
  };
  const open = ({ host }: WebServer) => storeOf({ scheme: "http", bucket: host, store: nowhere });

  test("that fails for a while is asked again", async () =>
    await withServer(async (server) => {
      server.faults.failures = 3;
      expect(await open(server).readText("a")).toBe("hello world");
      expect(server.faults.failures).toBe(0);
    }));

  test.each(["hasNoETag", "ignoresConditions"] as const)(
    "that %s: a file that is replaced is found out all the same",
    async (fault) =>
      await withServer(async (server) => {
        server.faults[fault] = true;
        const { etag } = (await open(server).info("a"))!;
        expect(String(await open(server).read("a", etag, 6, 11))).toBe("world");
        server.put("a", "another size");
        expect(await open(server).read("a", etag, 6, 11)).toBeNull();
      }),
  );

  test.each<[(keyof WebServer["faults"])[], RegExp]>([
    [["hasNoETag", "hasNoTime"], /neither an ETag nor a time/],
    [["hasNoLength"], /does not say how large/],
    [["hasNoRanges"], /does not read ranges/],
  ])("that %j is refused, and why", async (faults, message) => {
    await withServer(async (server) => {
      for (const fault of faults) server.faults[fault] = true as never;
      const read = async (): Promise<unknown> => {
        const { etag } = (await open(server).info("a"))!;
        return await open(server).read("a", etag, 6, 11);
      };
      await expect(read()).rejects.toMatchObject({
        code: "STORE_REFUSED",
        message: expect.stringMatching(message) as never,
      });
    });
  });

  test("lists nothing, and says so", async () =>
    await withServer(async (server) => {
      await expect(open(server).list("", false)).rejects.toMatchObject({
        code: "STORE_REFUSED",
        hint: "Name each of its files, without patterns.",
      });
    }));
});
