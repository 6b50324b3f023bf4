// Jobs over a store, on a real S3 server (Ceph): the same bytes as over a directory, all or nothing, whatever dies.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { newMeter } from "../../src/data/contract.ts";
import type { FileRef } from "../../src/data/input/file.ts";
import { findInput } from "../../src/data/input/find.ts";
import { openInput } from "../../src/data/input/open.ts";
import type { ObjectPlace } from "../../src/protocol/place.ts";
import { Bucket } from "../../src/store/objects/bucket.ts";
import { commitKey, ownerKey, stagedKey, stagingKey } from "../../src/store/objects/names.ts";
import { ObjectOutput } from "../../src/store/objects/output.ts";
import { hasS3Server, startS3, type S3Server } from "../kit/s3.ts";
import { runDocument } from "../docs/programs.ts";
import { until } from "../kit/processes.ts";
import { booksDir, Project, type Result } from "./harness.ts";

// The server comes in four of Debian's packages (HACKING.md), which these tests do not install by themselves.
describe.skipIf(!hasS3Server())("with an S3 server", () => {
  let server: S3Server;
  let buckets = 0;
  let name: string;
  let bucket: Bucket;
  let directory: string;
  const s3 = () => ({ endpoint: server.endpoint, region: null });
  const placeOf = (key: string): ObjectPlace => ({
    kind: "object",
    scheme: "s3",
    bucket: name,
    key,
    store: s3(),
  });
  const keysBelow = async (prefix: string): Promise<string[]> => [
    ...(await bucket.list(prefix, true)).objects.keys(),
  ];

  beforeAll(async () => {
    server = await startS3();
    Object.assign(process.env, server.env);
    directory = mkdtempSync(path.join(tmpdir(), "shoal-stores-"));
  }, 120_000);
  afterAll(async () => {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    name = `bucket-${++buckets}`;
    await server.makeBucket(name);
    bucket = new Bucket(placeOf(""));
  });

  // What every store must do is in test/conformance/stores.ts.
  describe("a bucket", () => {
    test("lists by the page, deep and not", async () => {
      const names = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(4, "0")} é+%.txt`);
      for (let i = 0; i < names.length; i += 50) {
        await Promise.all(names.slice(i, i + 50).map((key) => bucket.write(key, "x")));
      }
      await bucket.write("many/below/x", "x");
      const shallow = await bucket.list("many/", false);
      expect([...shallow.objects.keys()].sort()).toEqual([...names].sort());
      expect(shallow.directories).toEqual(["many/below/"]);
      expect((await bucket.list("many/", true)).objects.size).toBe(1006);
    });
  });

  describe("an object of the input", () => {
    const refs = async (): Promise<readonly FileRef[]> =>
      (await findInput([`s3://${name}/in`], "/", { mounts: [], stores: { s3: s3() } })).files;
    const readAll = async (ref: FileRef): Promise<string> => {
      const file = openInput(ref, newMeter(), ref.size);
      const bytes = Buffer.alloc(ref.size);
      for (let at = 0; at < ref.size;) at += await file.read(bytes, at, ref.size - at, at);
      file.close();
      return bytes.toString();
    };

    test("that is replaced after it was planned is found out", async () => {
      await bucket.write("in/a", "first");
      const [ref] = await refs();
      await bucket.write("in/a", "other");
      await expect(readAll(ref!)).rejects.toThrow(
        /in\/a changed: when it was read it was another object, or gone/,
      );
    });

    test("is fetched once, and found on disk as long as it is the same", async () => {
      await bucket.write("in/a", "x".repeat(3_000_000));
      const [ref] = await refs();
      expect(await readAll(ref!)).toBe("x".repeat(3_000_000));
      await bucket.delete(["in/a"]);
      expect(await readAll(ref!)).toBe("x".repeat(3_000_000));
      await bucket.write("in/a", "y".repeat(3_000_000));
      const [now] = await refs();
      expect(await readAll(now!)).toBe("y".repeat(3_000_000));
    });

    test("of an output that is being put in its place is refused", async () => {
      await bucket.write("in/part-00000", "half");
      await bucket.write(commitKey("in"), "{}");
      await expect(refs()).rejects.toThrow(/is an output that is being put in its place/);
    });
  });

  describe("an output", () => {
    const request = { job: "count", overwrite: false, roots: [], directory: "/" };
    const begin = (run: string, more = {}) =>
      ObjectOutput.begin(placeOf("deep/out"), { ...request, ...more }, run);
    const stage = async (run: string, attempt: string, part: number, text: string): Promise<void> =>
      await bucket.write(stagedKey(stagingKey("deep/out", run), attempt, part), text);
    const parts = async (): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const key of await keysBelow("deep/out/"))
        if (key.includes("part-")) found[key.slice("deep/out/".length)] = (await bucket.readText(key))!;
      return found;
    };

    test("is the winners' parts, and nothing else is left", async () => {
      const output = await begin("r1");
      await stage("r1", "t0.1", 0, "lost");
      await stage("r1", "t0.2", 0, "a");
      await stage("r1", "t1.1", 1, "b");
      await output.commit([
        { attempt: "t0.2", part: 0 },
        { attempt: "t1.1", part: 1 },
      ]);
      expect(output.files).toEqual(["part-00000", "part-00001"]);
      expect(await parts()).toEqual({ "part-00000": "a", "part-00001": "b" });
      expect((await keysBelow("deep/")).sort()).toEqual(
        ["deep/out/.shoal.json", "deep/out/part-00000", "deep/out/part-00001"].sort(),
      );
    });

    test("of the same job replaces the older one, with fewer parts too; of another job it does not", async () => {
      const first = await begin("r1");
      for (const part of [0, 1, 2]) await stage("r1", `t${part}.1`, part, `old ${part}`);
      await first.commit([0, 1, 2].map((part) => ({ attempt: `t${part}.1`, part })));
      await expect(begin("r2", { job: "other" })).rejects.toThrow(/holds the output of the job "count"/);
      const second = await begin("r2");
      expect(second.keeps).toContain("is as it was");
      await stage("r2", "t0.1", 0, "new");
      await second.commit([{ attempt: "t0.1", part: 0 }]);
      expect(await parts()).toEqual({ "part-00000": "new" });
    });

    test("is not put over what is not ours, unless it is said", async () => {
      await bucket.write("deep/out/notes.txt", "mine");
      await expect(begin("r1")).rejects.toThrow(/holds what is not this job's output: "notes.txt"/);
      const output = await begin("r1", { overwrite: true });
      await stage("r1", "t0.1", 0, "a");
      await output.commit([{ attempt: "t0.1", part: 0 }]);
      expect(await parts()).toEqual({ "part-00000": "a" });
      expect(await keysBelow("deep/out/notes.txt")).toEqual([]);
    });

    test("that was decided is put in place by whoever comes next, and not by two", async () => {
      const output = await begin("r1");
      await stage("r1", "t0.1", 0, "a");
      // dies here: decided, and nothing done
      const commit = {
        format: 1,
        run: "r1",
        job: "count",
        winners: [{ attempt: "t0.1", part: 0 }],
        overwrite: false,
      };
      await bucket.create(commitKey("deep/out"), JSON.stringify(commit));
      await output.suspend();
      const again = await Promise.all([begin("r1", { continues: "r1" }), begin("r1", { continues: "r1" })]);
      expect(await parts()).toEqual({ "part-00000": "a" });
      for (const each of again) {
        expect([...(await each.keep([{ attempt: "t0.1", part: 0, bytes: 1 }], 1))]).toEqual(["t0.1"]);
        await each.commit([{ attempt: "t0.1", part: 0 }]);
      }
      expect((await keysBelow("deep/")).sort()).toEqual(["deep/out/.shoal.json", "deep/out/part-00000"]);
    });

    describe("that was decided", () => {
      const winners = [0, 1].map((part) => ({ attempt: `t${part}.1`, part }));
      const write = async (run: string, of: readonly string[]): Promise<ObjectOutput> => {
        const output = await begin(run, { continues: run });
        for (const [part, text] of of.entries()) await stage(run, `t${part}.1`, part, text);
        return output;
      };
      const old = async (): Promise<void> =>
        await (await write("r0", ["o", "l", "d"])).commit([...winners, { attempt: "t2.1", part: 2 }]);
      const decide = async (): Promise<void> => {
        await (await write("r1", ["new 0", "new 1"])).suspend();
        const commit = { format: 1, run: "r1", job: "count", winners, overwrite: false };
        await bucket.create(commitKey("deep/out"), JSON.stringify(commit));
      };
      const runOf = async (): Promise<unknown> =>
        (JSON.parse((await bucket.readText("deep/out/.shoal.json"))!) as { run: unknown }).run;
      const carryOut = () => begin("r1", { continues: "r1" });

      /** Once, what a process asks for waits until others have done all that they do. */
      const late = (
        method: "list" | "readText" | "delete" | "copy" | "create",
        key: string,
        others: () => Promise<unknown>,
      ) => {
        const original = Bucket.prototype[method] as (...args: unknown[]) => Promise<unknown>;
        let isOver = false;
        const spy = vi.spyOn(Bucket.prototype, method as "list").mockImplementation(async function (
          this: Bucket,
          ...args
        ) {
          if (!isOver && [args[0]].flat().includes(key)) {
            isOver = true;
            await others();
          }
          return (await original.apply(this, args)) as never;
        });
        onTestFinished(() => spy.mockRestore());
        return () => isOver;
      };
      const steps = [
        ["list", "deep/out/.shoal-r1/"],
        ["readText", "deep/out/.shoal.json"],
        ["delete", "deep/out/.shoal.json"],
        ["list", "deep/out/"],
        ["delete", "deep/out/part-00002"],
        ["copy", "deep/out/.shoal-r1/t0.1/part-00000"],
        ["copy", "deep/out/.shoal-r1/t1.1/part-00001"],
        ["create", "deep/out/.shoal.json"],
        ["delete", "deep/out/.shoal-r1/t1.1/part-00001"],
        ["delete", "deep/out/.shoal-r1/owner.json"],
        ["delete", "deep/out/.shoal-commit.json"],
      ] as const;

      test.each(steps)(
        "is whole where one is late with %s %s, and another has put it in place",
        async (...step) => {
          await old();
          await decide();
          const wasLate = late(...step, carryOut);
          const output = await carryOut();
          expect(wasLate()).toBe(true);
          await output.abort();
          expect(await parts()).toEqual({ "part-00000": "new 0", "part-00001": "new 1" });
          expect(await runOf()).toBe("r1");
          expect(await keysBelow("deep/")).toHaveLength(3);
        },
      );

      test.each(steps.filter(([method]) => method === "copy" || method === "create"))(
        "leaves the next one's output alone where one is late with %s %s",
        async (...step) => {
          await decide();
          const wasLate = late(...step, async () => {
            await (await carryOut()).abort();
            await (await write("r2", ["the next 0", "the next 1"])).commit(winners);
          });
          await expect(carryOut()).rejects.toMatchObject({ code: "OUTPUT_BUSY" });
          expect(wasLate()).toBe(true);
          expect(await parts()).toEqual({ "part-00000": "the next 0", "part-00001": "the next 1" });
          expect(await runOf()).toBe("r2");
          expect(await keysBelow("deep/")).toHaveLength(3);
        },
      );

      test("and whose staging somebody has deleted fails, and the old output stays", async () => {
        await old();
        await decide();
        await bucket.delete([stagedKey(stagingKey("deep/out", "r1"), "t1.1", 1)]);
        await expect(carryOut()).rejects.toThrow(/cannot publish.*t1\.1\/part-00001 is gone/);
        expect(await runOf()).toBe("r0");
        expect(await bucket.readText("deep/out/part-00001")).toBe("l");
      });
    });

    test("is one of two that commit at once, whole, and the other is told", async () => {
      const outputs = [await begin("r1"), await begin("r2", { continues: "r1" })];
      for (const part of [0, 1, 2, 3]) {
        await stage("r1", `t${part}.1`, part, "one");
        await stage("r2", `t${part}.1`, part, "two");
      }
      const ended = await Promise.allSettled(
        outputs.map((output) => output.commit([0, 1, 2, 3].map((part) => ({ attempt: `t${part}.1`, part })))),
      );
      const published = Object.entries(await parts()).filter(([key]) => key.startsWith("part-"));
      expect(published).toHaveLength(4);
      expect(new Set(published.map(([, text]) => text)).size).toBe(1);
      expect(ended.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
      await Promise.all(outputs.map((output) => output.abort()));
      expect((await keysBelow("deep/")).filter((key) => key.includes(".shoal-"))).toEqual([]);
    });

    test("keeps what was finished and whole for the same run, and deletes the rest", async () => {
      await (await begin("r1")).suspend();
      await stage("r1", "t0.1", 0, "whole");
      await stage("r1", "t1.1", 1, "cut");
      await stage("r1", "t2.1", 2, "of nobody");
      const output = await begin("r1", { continues: "r1" });
      const finished = [
        { attempt: "t0.1", part: 0, bytes: 5 },
        { attempt: "t1.1", part: 1, bytes: 5 },
      ];
      expect([...(await output.keep(finished, 3))]).toEqual(["t0.1"]);
      expect(Object.values(await parts())).toEqual(["whole"]);
    });

    test("of a run that was changed is taken over, under other names", async () => {
      await (await begin("r1")).suspend();
      await stage("r1", "t0.1", 0, "whole");
      const output = await begin("r2", { continues: "r1" });
      const move = { from: { attempt: "t0.1", part: 0, bytes: 5 }, attempt: "t4.1", part: 4 };
      expect([...(await output.takeFrom("r1", [move]))]).toEqual(["t4.1"]);
      await output.commit([{ attempt: "t4.1", part: 4 }]);
      expect(await parts()).toEqual({ "part-00004": "whole" });
    });

    test("of a process that is dead is swept, of one that lives it is busy", async () => {
      await begin("r1");
      await expect(begin("r2")).rejects.toThrow(
        new RegExp(`process ${process.pid} has been writing to s3://`),
      );
      const owner = JSON.parse((await bucket.readText(ownerKey(stagingKey("deep/out", "r1"))))!) as object;
      await bucket.write(
        ownerKey(stagingKey("deep/out", "r1")),
        JSON.stringify({ ...owner, boot: "another" }),
      );
      await stage("r1", "t0.1", 0, "left");
      await (await begin("r2")).abort();
      expect(await keysBelow("deep/")).toEqual([]);
    });

    test("leaves no uploads that were begun and not ended: not of a run that goes on, and not of one that is dead", async () => {
      const { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client, UploadPartCommand } =
        await import("@aws-sdk/client-s3");
      const client = new S3Client({ endpoint: server.endpoint, region: "us-east-1", forcePathStyle: true });
      const upload = async (Key: string): Promise<void> => {
        const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: name, Key }));
        await client.send(
          new UploadPartCommand({ Bucket: name, Key, UploadId, PartNumber: 1, Body: "part" }),
        );
      };
      const uploads = async (): Promise<(string | undefined)[]> =>
        ((await client.send(new ListMultipartUploadsCommand({ Bucket: name }))).Uploads ?? []).map(
          ({ Key }) => Key,
        );
      try {
        await (await begin("r1")).suspend();
        await upload("deep/out/elsewhere");
        for (const part of [0, 1, 2]) await upload(stagedKey(stagingKey("deep/out", "r1"), "t0.1", part));
        expect(await uploads()).toHaveLength(4);
        const again = await begin("r1", { continues: "r1" });
        await again.keep([], 1);
        expect(await uploads()).toEqual(["deep/out/elsewhere"]);
        await again.suspend();
        const owner = ownerKey(stagingKey("deep/out", "r1"));
        const dead = { ...(JSON.parse((await bucket.readText(owner))!) as object), boot: "another" };
        await bucket.write(owner, JSON.stringify(dead));
        await upload(stagedKey(stagingKey("deep/out", "r1"), "t7.1", 0));
        await (await begin("r2")).abort();
        expect(await uploads()).toEqual(["deep/out/elsewhere"]);
      } finally {
        client.destroy();
      }
    });

    test.each([
      [{ roots: ["s3://NAME/deep"] }, "", /is inside the input/],
      [{ roots: ["s3://NAME/deep/out/in"] }, "", /holds the input/],
      [{}, "whole bucket", /is a whole bucket; name a prefix in it/],
    ])("%j is refused", async (more, what, message) => {
      const roots = ((more as { roots?: string[] }).roots ?? []).map((root) => root.replace("NAME", name));
      const place = placeOf(what === "" ? "deep/out" : "");
      await expect(ObjectOutput.begin(place, { ...request, roots }, "r1")).rejects.toThrow(message);
    });
  });

  describe("a job", () => {
    const words = `import { job, read } from "shoal";
export default job({ input: "books", output: "out" }, ({ input, output }) =>
  read.lines(input).flatMap((line) => line.match(/[a-z]+/g) ?? []).countByValue().write.tsv(output));
`;
    const sorted = `import { job, read } from "shoal";
export default job({ input: "books", output: "out" }, ({ input, output }) =>
  read.lines(input).keyBy((line) => line).sortByKey().map(([line]) => line).write.text(output));
`;
    // Lines of two books that begin with the same word, side by side.
    const joined = `import { basename } from "node:path";
import { job, read } from "shoal";
export default job({ input: "books", output: "out" }, ({ input, output }) =>
  read.lines(input, { withFile: true })
    .filter(([file]) => /grimm|tom_sawyer/.test(file))
    .map(([file, line]) => [line.split(" ")[0], [basename(file), line]] as [string, [string, string]])
    .groupByKey()
    .flatMap(([word, lines]) => {
      const of = (book: string) => lines.filter(([file]) => file.includes(book)).slice(0, 20);
      return of("grimm").flatMap(([, a]) => of("tom").map(([, b]) => [word, a + " | " + b] as [string, string]));
    })
    .write.tsv(output));
`;

    let project: Project;
    beforeEach(() => {
      project = new Project({ "words.ts": words, "sorted.ts": sorted, "joined.ts": joined });
      symlinkSync(booksDir, project.at("books"));
      return () => project[Symbol.dispose]();
    });
    const put = async (): Promise<void> => {
      for (const file of readdirSync(booksDir))
        await bucket.upload(`books/${file}`, path.join(booksDir, file));
    };
    const run = async (job: string, ...args: string[]): Promise<Result> => {
      const result = await project.shoal("run", job, "--split-size", "256k", "--partitions", "3", ...args);
      expect(result).toMatchObject({ code: 0 });
      return result;
    };
    const digestOf = async (prefix: string): Promise<string> => {
      const hash = createHash("sha256");
      for (const key of (await keysBelow(`${prefix}/part-`)).sort())
        hash
          .update(path.basename(key))
          .update("\0")
          .update((await bucket.read(key, null, 0, Infinity))!);
      return hash.digest("hex");
    };

    test.each(["words.ts", "sorted.ts", "joined.ts"])(
      "%s gives the same bytes as over a directory",
      async (job) => {
        await put();
        await run(job);
        expect(project.output("out").length).toBeGreaterThan(10_000);
        const { stderr } = await run(job, "--input", `s3://${name}/books`, "--output", `s3://${name}/out`);
        expect(stderr).toContain(`to s3://${name}/out`);
        expect(await digestOf("out")).toBe(project.digest("out"));
        expect((await keysBelow("out/")).filter((key) => !/part-\d+$/.test(key))).toEqual([
          "out/.shoal.json",
        ]);
        expect(project.leftovers()).toEqual([]);
      },
    );

    test("finds its mounts in shoal.config.ts, and files under several of them", async () => {
      await put();
      project.write(
        "shoal.config.ts",
        `export default { mounts: {
          "/library": "s3://${name}/books", "/library/mine": ${JSON.stringify(booksDir)}, "/results": "s3://${name}" } };`,
      );
      await run("words.ts", "--input", "books/pg-{g,t}*.txt");
      await run("words.ts", "--input", "/library/pg-{g,t}*.txt", "--output", "/results/deep/out");
      expect(await digestOf("deep/out")).toBe(project.digest("out"));
      project.write(
        "names.ts",
        `import { job, read } from "shoal";
export default job({ input: "" }, ({ input }) => read.files(input).map(([name]) => name).collect());`,
      );
      const { stdout } = await run("names.ts", "--input", "/lib*/{mine/,}pg-grimm.txt");
      expect(stdout).toBe('"/library/mine/pg-grimm.txt"\n"/library/pg-grimm.txt"\n');
    });

    test("that is killed again and again goes on, and its output is whole", async () => {
      await put();
      await run("words.ts");
      const args = ["--input", `s3://${name}/books`, "--output", `s3://${name}/out`, "--split-size", "256k"];
      let isOver = false;
      let kills = 0;
      for (let events = 20; !isOver; events += 120) {
        const running = project.start("run", "words.ts", "--partitions", "3", ...args);
        const isFar = (): boolean => running.process.exitCode !== null || journalEntries(project) >= events;
        await until("some of it is done", isFar);
        if (running.process.exitCode === null) {
          running.process.kill("SIGKILL");
          kills++;
        }
        const { code, stderr } = await running.ended;
        if (code !== null) expect({ code, stderr }).toMatchObject({ code: 0 });
        isOver = code === 0;
      }
      expect(kills).toBeGreaterThan(0);
      expect(await digestOf("out")).toBe(project.digest("out"));
      expect((await keysBelow("out/")).filter((key) => !/part-\d+$/.test(key))).toEqual(["out/.shoal.json"]);
    });

    test.each<[string, Record<string, string>, RegExp]>([
      [
        "a bucket that is not there",
        { "--input": "s3://not-there/x" },
        /STORE_REFUSED.*NoSuchBucket[^]*Make the bucket/,
      ],
      ["a prefix with nothing in it", { "--input": "s3://NAME/nothing" }, /INPUT_NOT_FOUND.*no file matches/],
      [
        "an output that is inside of the input",
        { "--output": "s3://NAME/books/out" },
        /OUTPUT_INVALID.*inside the input/,
      ],
      ["a name that is none", { "--input": "s3://" }, /BAD_OPTION.*names no place in a store/],
    ])("%s is told", async (_what, args, message) => {
      await put();
      const words = { "--input": `s3://${name}/books`, "--output": "out", ...args } as Record<string, string>;
      const named = Object.entries(words).flatMap(([key, value]) => [key, value.replace("NAME", name)]);
      const { code, stderr } = await project.shoal("run", "words.ts", ...named);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(message);
    });

    test("docs/stores.md does not lie", async () => {
      const [books, results] = [`books-${name}`, `results-${name}`];
      for (const made of [books, results]) await server.makeBucket(made);
      const shelf = new Bucket({ bucket: books, store: s3() });
      for (const file of readdirSync(booksDir)) await shelf.upload(`all/${file}`, path.join(booksDir, file));
      const replaced = {
        "http://127.0.0.1:9000": server.endpoint,
        "books-of-mine": books,
        "results-of-mine": results,
      };
      const { stdout, stderr, expected, commands } = await runDocument("stores.md", replaced);
      expect({ stderr, commands: commands.length }).toEqual({ stderr: "", commands: 4 });
      expect(stdout).toEqual(expected);
    });

    // The last one: for half a minute a gateway that was killed is waited for by the next one.
    test("waits for a store that is away for a while", async () => {
      await put();
      await run("words.ts");
      const args = ["--input", `s3://${name}/books`, "--output", `s3://${name}/out`, "--split-size", "256k"];
      const running = project.start("run", "words.ts", "--partitions", "3", ...args);
      await until("it has begun", () => journalEntries(project) > 5 || running.process.exitCode !== null);
      await server.kill();
      await server.restart();
      const { code, stderr } = await running.ended;
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(await digestOf("out")).toBe(project.digest("out"));
    });
  });
});

/** Records of the journal of the project's one unfinished job. */
const journalEntries = (project: Project): number => project.journals().split('"kind":"entry"').length - 1;
