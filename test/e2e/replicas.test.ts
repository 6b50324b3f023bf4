// Copies of what a cluster keeps on its NATS servers: how many are made, and that any one server may die.

import { afterAll, beforeAll, expect, test } from "vitest";
import { jetstreamManager } from "@nats-io/jetstream";
import { ClusterConnection } from "../../src/driver/nats/connection.ts";
import { openJournals } from "../../src/driver/nats/journal-messages.ts";
import { startNats, startNatsCluster, type NatsCluster } from "../kit/nats.ts";

let cluster: NatsCluster;
beforeAll(async () => {
  cluster = await startNatsCluster(3);
});
afterAll(() => cluster.close());

/** Makes all that a cluster keeps; returns how many copies there are of each. */
async function copies(url: string): Promise<number[]> {
  const connection = await ClusterConnection.open(url, "a test", true);
  try {
    const { subjects } = connection;
    await connection.nextNumber("worker");
    await connection.putObject(subjects.bundles, "a", new Uint8Array(10));
    await openJournals(connection);
    const names = [`KV_${subjects.bucket}`, `OBJ_${subjects.bundles}`, subjects.journals];
    return await connection.use("asking", async (nc) => {
      const { streams } = await jetstreamManager(nc);
      return await Promise.all(names.map(async (name) => (await streams.info(name)).config.num_replicas));
    });
  } finally {
    await connection.close();
  }
}

test("one server keeps one copy, three keep three; an address may say otherwise", async () => {
  const alone = await startNats();
  try {
    expect(await copies(alone.url)).toEqual([1, 1, 1]);
    await expect(copies(`${alone.url}/three?replicas=3`)).rejects.toThrow(
      expect.objectContaining({ code: "CLUSTER_FAILED", hint: expect.stringContaining("?replicas=1") }),
    );
  } finally {
    await alone.close();
  }
  expect(await copies(`${cluster.url}/three`)).toEqual([3, 3, 3]);
  expect(await copies(`${cluster.url}/one?replicas=1`)).toEqual([1, 1, 1]);
});

test("what is there already keeps the copies that it has; both ends may make it at once", async () => {
  expect(await copies(`${cluster.url}/kept?replicas=1`)).toEqual([1, 1, 1]);
  expect(await copies(`${cluster.url}/kept`)).toEqual([1, 1, 1]);
  const both = await Promise.all([copies(`${cluster.url}/race`), copies(`${cluster.url}/race`)]);
  expect(both).toEqual([
    [3, 3, 3],
    [3, 3, 3],
  ]);
});

test("numbers and values survive the death of the server that answers for them", async () => {
  const connection = await ClusterConnection.open(`${cluster.url}/survives`, "a test", true);
  try {
    const { bucket, results } = connection.subjects;
    const numbers = [await connection.nextNumber("worker")];
    await connection.putObject(results, "value", Buffer.from("kept"));
    const leader = await connection.use("asking", async (nc) => {
      const { streams } = await jetstreamManager(nc);
      return (await streams.info(`KV_${bucket}`)).cluster?.leader;
    });
    await cluster.servers[Number(leader!.slice(1))]!.kill();
    numbers.push(await connection.nextNumber("worker"));
    expect(Buffer.from((await connection.getObject(results, "value"))!).toString()).toBe("kept");
    await connection.deleteObjects(results, "val");
    expect(await connection.getObject(results, "value")).toBeNull();
    // A number may be given out in vain where its answer was lost; never twice.
    expect(numbers[1]).toBeGreaterThan(numbers[0]!);
  } finally {
    await connection.close();
  }
}, 120_000);
