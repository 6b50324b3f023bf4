import { expect, test } from "vitest";
import type { ClusterConnection } from "./connection.ts";
import { askWorkers, SilentWorkers } from "./held.ts";
import { Subjects } from "./subjects.ts";

const answer = (worker: string): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      worker,
      version: "1.0.0",
      protocol: 1,
      host: "a",
      pid: 1,
      slots: 2,
      busy: 0,
      leased: 0,
      callsWaiting: 0,
      callSlots: 8,
      labels: {},
      run: null,
      isDraining: false,
      rssBytes: 1,
      upSeconds: 1,
      url: "http://127.0.0.1:4000",
    }),
  );

/** Of a cluster in which these say that they are there, and these answer, in that order. */
class Told {
  readonly subjects = new Subjects("test");
  present: string[];
  answering: string[];
  /** Answers that were waited for. */
  heard = 0;
  forgotten: string[] = [];

  constructor(present: string[], answering: string[]) {
    this.present = present;
    this.answering = answering;
  }

  get connection(): ClusterConnection {
    return this as unknown as ClusterConnection;
  }

  keysOf(prefix: string): Promise<string[]> {
    return Promise.resolve(this.present.map((worker) => prefix + worker));
  }

  requestAll(
    _subject: string,
    _bytes: string,
    _times: unknown,
    tell: (bytes: Uint8Array) => boolean,
  ): Promise<void> {
    this.answering.some((worker) => {
      this.heard++;
      return tell(answer(worker));
    });
    return Promise.resolve();
  }

  use(what: string): Promise<void> {
    this.forgotten.push(what);
    return Promise.resolve();
  }
}

const asked = async (told: Told): Promise<string[]> =>
  (await askWorkers(told.connection)).map(({ worker }) => worker);

test("who asks all workers waits for those that are there, and for nobody else", async () => {
  const told = new Told(["w1", "w2"], ["w2", "w1", "w9"]);
  expect(await asked(told)).toEqual(["w1", "w2"]);
  expect(told.heard).toBe(2);
});

test("while one that is there is silent, others are heard too", async () => {
  const told = new Told(["w1", "w3"], ["w1", "w2", "w10"]);
  expect(await asked(told)).toEqual(["w1", "w2", "w10"]);
  expect(told.heard).toBe(3);
});

test("where nobody has said that it is there, all are waited for", async () => {
  const told = new Told([], ["w1", "w2"]);
  expect(await asked(told)).toEqual(["w1", "w2"]);
  expect(told.heard).toBe(2);
});

test("who is silent twice is forgotten, and who answers in between is not", async () => {
  const told = new Told(["w1", "w2", "w3"], ["w1"]);
  const silent = new SilentWorkers(told.connection);
  await silent.look();
  expect(told.forgotten).toEqual([]);
  told.answering = ["w1", "w2"];
  await silent.look();
  expect(told.forgotten).toEqual(["forgetting w3"]);
  told.present = ["w1", "w2"];
  told.answering = ["w1"];
  await silent.look();
  expect(told.forgotten).toEqual(["forgetting w3"]);
  await silent.look();
  expect(told.forgotten).toEqual(["forgetting w3", "forgetting w2"]);
});
