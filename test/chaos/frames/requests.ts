// What a worker's agent is told and asked, what its block server is asked, what workers answer, addresses of clusters.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent as HttpAgent, request } from "node:http";
import { connect } from "node:net";
import os from "node:os";
import path from "node:path";
import { workerId } from "../../../src/base/ids.ts";
import { below, rng } from "../../../src/base/rng.ts";
import { Agent } from "../../../src/driver/nats/agent.ts";
import { BlockServer, blockToken } from "../../../src/driver/nats/block-server.ts";
import { askHolders, askWorkers } from "../../../src/driver/nats/held.ts";
import { parseClusterUrl } from "../../../src/driver/nats/address.ts";
import { isShoalError } from "../../../src/errors.ts";
import { ShuffleRig, specOf } from "../../kit/shuffle-rig.ts";
import { must, type Victim } from "./receiver.ts";
import { Wire } from "./wire.ts";

const loopback = { host: "127.0.0.1", port: 0, tls: null };
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const hash = "0".repeat(64);

const openJob = (run: string, bundle: string | null): object => ({
  v: 1,
  version: "0.0.0",
  run,
  epoch: 17,
  stages: ["map", "reduce"],
  secret: "secret",
  program: { data: { file: "a.ts" }, bundle },
  heartbeatMs: 60_000,
});

/** A worker without slots; what it is told on each of its subjects. */
export async function atAgent(): Promise<Victim> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "shoal-frames-"));
  const wire = new Wire();
  const { subjects } = wire;
  const blocks = await BlockServer.listen(loopback);
  let notes = 0;
  const options = {
    url: "",
    slots: 0,
    isolation: "thread",
    heapBytes: null,
    memoryLimits: null,
    preload: "none",
    labels: { disk: "ssd" },
    directory,
    version: "0.0.0",
    abortGraceMs: 1000,
    blocks: loopback,
    program: (data: unknown) => ({ module: "none", data }),
    localize: (payload: unknown) => payload,
    runtime: "",
    onNote: () => void notes++,
  };
  const agent = Reflect.construct(Agent, [options, wire.connection, blocks, workerId(1)]) as Agent;
  agent["begin"]();
  Object.defineProperty(agent["leases"], "lease", { value: () => ({ waits: false }) }); // a lease is a thread
  let runs = 0;
  const lease = {
    kind: "lease",
    lease: "0123456789abcdef01234567",
    heartbeatMs: 1000,
    client: "0123456789abcdef01234567",
    elsewhere: 0,
  };
  const told = [
    [subjects.open, openJob("run-a", null)],
    [subjects.open, openJob("run-b", hash)],
    [subjects.open, { ...openJob("run-c", null), v: 2 }],
    [subjects.who, {}],
    [subjects.who, { run: "run-a" }],
    ["worker", { kind: "drain" }],
    ["worker", lease],
  ] as const;
  /** It is free again. */
  const free = async (): Promise<void> => {
    await turn();
    while (agent["seat"] !== null || agent["isSeating"]) {
      agent["seat"]?.replace();
      await turn();
    }
  };
  return {
    messages: told.map(([, message]) => json(message)),
    give: async (bytes, index) => {
      const [subject] = told[index]!;
      wire.give(subject === "worker" ? subjects.worker(agent.worker) : subject, bytes);
      if (subject === subjects.open) await free();
      wire.said = [];
    },
    check: async () => {
      await free();
      const run = `good-${++runs}`;
      wire.give(subjects.open, json(openJob(run, null)));
      await turn();
      must(wire.taken(subjects.door(run, agent.worker)).length > 0, "the worker takes no part in a good job");
      const who = wire.give(subjects.who, json({}));
      must(who !== null && (JSON.parse(who) as { run: string }).run === run, "the worker does not answer");
      const answer = wire.give(subjects.worker(agent.worker), json(lease));
      must(answer === '{"ok":true,"waits":false}', "the worker leases no slot");
      must(notes < 5000, "the worker notes too much");
      await free();
    },
    close: async () => {
      await agent.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A client that asks who is there: one of the answers is what it is. */
export function atWho(): Promise<Victim> {
  const wire = new Wire();
  const info = (worker: string): object => ({
    worker,
    version: "0.1.0",
    protocol: 1,
    host: "a",
    pid: 12,
    slots: 2,
    busy: 1,
    leased: 0,
    callSlots: 8,
    callsWaiting: 0,
    labels: { disk: "ssd" },
    run: "run-a",
    isDraining: false,
    rssBytes: 1000,
    upSeconds: 10,
    url: "http://127.0.0.1:4000",
    blocks: [["t0.1", 100]],
  });
  const good = json(info("w7"));
  return Promise.resolve({
    messages: [json(info("w3"))],
    give: async (bytes) => {
      wire.answers = [good, bytes];
      const found = await askWorkers(wire.connection);
      JSON.stringify(
        found.map(({ labels, host }) => [Object.entries(labels).map(([k, v]) => k + v), host.length]),
      );
      must(
        found.some(({ worker }) => worker === "w7"),
        "a good answer is lost",
      );
      const { sizes } = await askHolders(wire.connection, "run-a", new Set(["t0.1" as never]));
      must(sizes.has("t0.1" as never), "a good answer about blocks is lost");
    },
    check: () => {},
    close: () => {},
  });
}

/** A real server of blocks, asked by HTTP; now and then by bytes that are no HTTP. */
export async function atBlocks(): Promise<Victim> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), "shoal-frames-"));
  const rig = new ShuffleRig();
  const [written] = await rig.writeAll([["a", "b", "c", "a"]], specOf("count"));
  mkdirSync(path.join(scratch, "blocks"));
  writeFileSync(path.join(scratch, "blocks/t0.1"), readFileSync(written!.file));
  const server = await BlockServer.listen(loopback);
  const port = Number(new URL(server.url).port);
  server.serve("run-a", { scratch, secret: "secret" });
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 1 });
  const chances = rng(11);
  const token = blockToken("secret", "run-a", "t5.1");
  const asked = { run: "run-a", reader: "t5.1", token, attempts: ["t0.1", "t1.1"], partition: 1 };
  const post = (bytes: Uint8Array): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const asking = request(
        { agent, host: "127.0.0.1", port: port, method: "POST", path: "/blocks", timeout: 5000 },
        (response) => {
          let body = "";
          response.on("data", (piece: Buffer) => (body += piece.toString("latin1")));
          response.once("end", () => resolve({ status: response.statusCode!, body }));
          response.once("error", reject);
        },
      );
      asking.once("timeout", () => asking.destroy(new Error("no answer within 5 s")));
      asking.once("error", reject);
      asking.end(bytes);
    });
  /** Bytes that are no request: they get an answer or an end, not nothing. */
  const raw = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
      socket.on("data", () => {});
      socket.once("error", () => {});
      socket.once("close", () => resolve());
    });
  return {
    messages: [json(asked), json({ ...asked, partition: null })],
    give: async (bytes) => {
      if (below(chances, 20) === 0) return await raw(bytes);
      const { status } = await post(bytes);
      must([200, 400, 403, 404].includes(status), `answered with ${status}`);
    },
    check: async () => {
      const { status, body } = await post(json(asked));
      must(status === 200 && body.includes('"missing"'), `a good request is answered with ${status}`);
    },
    close: () => {
      agent.destroy();
      server.close();
      rig.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** Addresses, as people may write them. As a message it is a list of characters. */
export function atAddress(): Promise<Victim> {
  const urls = ["nats://localhost:4222", "tls://client:secret@a:1,b:2,[::1]:3/nightly", "tls://h/main"];
  return Promise.resolve({
    messages: urls.map((url) => json([...url])),
    give: (bytes) => {
      let text = Buffer.from(bytes).toString("utf8");
      try {
        const list: unknown = JSON.parse(text);
        if (Array.isArray(list)) text = list.filter((one) => typeof one === "string").join("");
      } catch {
        // as it is
      }
      try {
        parseClusterUrl(text);
      } catch (error) {
        if (!isShoalError(error, "BAD_OPTION")) throw error;
      }
    },
    check: () => {
      for (const url of urls) parseClusterUrl(url);
    },
    close: () => {},
  });
}
