// Work goes to where its input is: a worker tells what its machine has kept of a bucket's objects, on a real S3 server and a
// real NATS server, and a job that reads them again knows it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ObjectPlace } from "../../src/protocol/place.ts";
import { Bucket } from "../../src/store/objects/bucket.ts";
import { startNats, type NatsServer } from "../kit/nats.ts";
import { hasS3Server, startS3, type S3Server } from "../kit/s3.ts";
import { Project, type Running } from "./harness.ts";

// The server comes in four of Debian's packages (HACKING.md), which these tests do not install by themselves.
describe.skipIf(!hasS3Server())("with an S3 server and a NATS server", () => {
  let s3: S3Server;
  let nats: NatsServer;
  let caches: string;
  beforeAll(async () => {
    [s3, nats] = await Promise.all([startS3(), startNats()]);
    Object.assign(process.env, s3.env);
    caches = mkdtempSync(path.join(tmpdir(), "shoal-places-"));
    await s3.makeBucket("lake");
    const store = { endpoint: s3.endpoint, region: null };
    const place: ObjectPlace = { kind: "object", scheme: "s3", bucket: "lake", key: "", store };
    const bucket = new Bucket(place);
    for (let n = 0; n < 4; n++) await bucket.write(`in/${n}.txt`, `${n}${"x".repeat(99)}\n`.repeat(15_000));
  }, 120_000);
  afterAll(async () => {
    await Promise.all([s3.close(), nats.close()]);
    rmSync(caches, { recursive: true, force: true });
  });

  test("a second job is told what the first has left in the caches of which machines", async () => {
    using project = new Project();
    project.write(
      "lines.ts",
      `import { job, read } from "shoal";
       export default job({ input: "s3://lake/in", longer: 0 }, ({ input, longer }) =>
         read.lines(input).filter((line) => line.length > longer).count());`,
    );
    const running: Running[] = [];
    const worker = async (name: string): Promise<void> => {
      process.env["SHOAL_CACHE"] = path.join(caches, name);
      const one = project.start("worker", "--cluster", nats.url, "--slots", "1", "--directory", name);
      running.push(one);
      await one.said("is ready");
    };
    const run = async (...args: string[]): Promise<string> => {
      process.env["SHOAL_CACHE"] = path.join(caches, "client");
      const split = ["--split-size", "2m", "--attached", "--cluster", nats.url];
      const ended = await project.shoal("run", "lines.ts", ...split, ...args);
      expect(ended.stderr).not.toContain("error");
      return ended.stdout.trim();
    };
    try {
      await worker("one");
      expect(await run()).toBe("60000");
      expect((await project.shoal("events")).stdout).not.toContain("InputsHeld");
      await worker("two");
      // Another job, which reads the same: the first worker's machine has all of it, the second one's nothing.
      expect(await run("--longer", "1")).toBe("60000");
      const held = (await project.shoal("events")).stdout
        .split("\n")
        .filter((line) => /InputsHeld/.test(line));
      expect(held).toHaveLength(1);
      expect(held[0]).toContain("InputsHeld w1 copies=(t0:1515000 t1:1515000 t2:1515000 t3:1515000)");
    } finally {
      delete process.env["SHOAL_CACHE"];
      for (const one of running) one.process.kill("SIGKILL");
      await Promise.all(running.map((one) => one.ended));
    }
  });
});
