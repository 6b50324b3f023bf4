// What a real server keeps for the cluster beside jobs (retention.test.ts): journals are read as a whole, and it is known
// which workers are there.

import { afterAll, beforeAll, expect, test } from "vitest";
import { ClusterConnection } from "../../src/driver/nats/connection.ts";
import { appendJournal, openJournals, readJournal } from "../../src/driver/nats/journal-messages.ts";
import { askWorkers } from "../../src/driver/nats/held.ts";
import { startNats, type NatsServer } from "../kit/nats.ts";
import { until } from "../kit/processes.ts";
import { Project } from "./harness.ts";

let server: NatsServer;
let connection: ClusterConnection;

beforeAll(async () => {
  server = await startNats();
  connection = await ClusterConnection.open(`${server.url}/kept`, "a test");
});
afterAll(async () => {
  await connection.close();
  await server.close();
});

test("a journal is read in order and as a whole, alone in the stream or among others", async () => {
  await openJournals(connection);
  const last = new Map<string, number>();
  const expected = new Map<string, string[]>([
    ["s1", []],
    ["s2", []],
  ]);
  const append = async (job: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const texts = expected.get(job)!;
      const text = `${job} ${texts.length}`;
      texts.push(text);
      const message = {
        id: text.replace(" ", "-"),
        segment: "a",
        place: "1/1",
        bytes: Buffer.from(text),
      };
      last.set(job, (await appendJournal(connection, job, last.get(job) ?? 0, message))!);
    }
  };
  const read = async (job: string, first = 1): Promise<string[]> => {
    const texts: string[] = [];
    for await (const { bytes } of readJournal(connection, job, first))
      texts.push(Buffer.from(bytes).toString());
    return texts;
  };
  await append("s1", 70);
  expect(await read("s1")).toEqual(expected.get("s1"));
  expect(await read("s2")).toEqual([]);
  for (let n = 0; n < 20; n++) {
    await append("s2", 1 + (n % 3));
    await append("s1", 1 + (n % 5));
  }
  await append("s2", 40);
  expect(await read("s1")).toEqual(expected.get("s1"));
  expect(await read("s2")).toEqual(expected.get("s2"));
  expect(await read("s2", last.get("s2")!)).toEqual([expected.get("s2")!.at(-1)]);
  expect(await read("s1", last.get("s1")! + 1)).toEqual([]);
});

test("which workers are there is known: of those that left, and that were killed and replaced, too", async () => {
  using project = new Project({});
  const present = (): Promise<string[]> => connection.keysOf("here.");
  const start = async () => {
    const worker = project.start("worker", "--cluster", `${server.url}/kept`, "--slots", "1");
    await worker.said("is ready");
    return worker;
  };
  const first = await start();
  expect(await present()).toEqual(["here.w1"]);
  expect((await askWorkers(connection)).map(({ worker }) => worker)).toEqual(["w1"]);
  first.process.kill("SIGKILL");
  await first.ended;
  expect(await present()).toEqual(["here.w1"]);
  const second = await start();
  await until("the dead one is forgotten", async () => (await present()).join() === "here.w2");
  second.process.kill("SIGTERM");
  await second.ended;
  expect(await present()).toEqual([]);
});
