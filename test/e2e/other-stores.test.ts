// Jobs over stores that the optional storage library speaks, on real servers: the same bytes as over a directory, whatever
// dies; what cannot be is refused before any work.

import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ObjectOutput } from "../../src/store/objects/output.ts";
import type { ObjectStore } from "../../src/store/objects/object-store.ts";
import { storeOf } from "../../src/store/objects/stores.ts";
import { runDocument } from "../docs/programs.ts";
import { hasAzurite, startAzurite, type AzureServer } from "../kit/azurite.ts";
import { rclone, startWeb, startWebdav } from "../kit/files-server.ts";
import { until } from "../kit/processes.ts";
import { hasS3Server, startS3 } from "../kit/s3.ts";
import { booksDir, Project, type Result } from "./harness.ts";

const words = `import { job, read } from "shoal";
export default job({ input: ["books"], output: "out" }, ({ input, output }) =>
  read.lines(input).flatMap((line) => line.match(/[a-z]+/g) ?? []).countByValue().write.tsv(output));
`;
const books = readdirSync(booksDir);
const textOf = (book: string): string => readFileSync(path.join(booksDir, book), "utf8");

let project: Project;
let cache: string;
beforeEach(() => {
  project = new Project({ "words.ts": words });
  symlinkSync(booksDir, project.at("books"));
  cache = mkdtempSync(path.join(tmpdir(), "shoal-cache-"));
  return () => {
    project[Symbol.dispose]();
    rmSync(cache, { recursive: true, force: true });
  };
});
const args = ["words.ts", "--split-size", "256k", "--partitions", "3"];
const shoal = async (env: Readonly<Record<string, string>>, ...more: string[]): Promise<Result> =>
  await project.startWith({ SHOAL_CACHE: cache, ...env }, ...more).ended;
const run = async (env: Readonly<Record<string, string>>, ...more: string[]): Promise<void> => {
  expect(await shoal(env, "run", ...args, ...more)).toMatchObject({ code: 0 });
};

/** Processes of the library that programs with this test's cache have begun, and that have not ended. */
const hosts = (): string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("store-host.js") &&
        readFileSync(`/proc/${pid}/environ`, "utf8").includes(cache)
      );
    } catch {
      return false; // it has ended meanwhile
    }
  });

describe.skipIf(!hasAzurite())("over Azure", () => {
  let server: AzureServer;
  let containers = 0;
  let box: string;
  let store: ObjectStore;
  const place = (key: string) =>
    ({
      kind: "object",
      scheme: "azblob",
      bucket: box,
      key,
      store: { endpoint: server.endpoint, region: null },
    }) as const;
  const put = async (): Promise<void> => {
    for (const book of books) await store.upload(`books/${book}`, path.join(booksDir, book));
  };
  const keysBelow = async (prefix: string): Promise<string[]> =>
    [...(await store.list(prefix, true)).objects.keys()].sort();
  const digestOf = async (prefix: string): Promise<string> => {
    const hash = createHash("sha256");
    for (const key of (await keysBelow(`${prefix}/`)).filter((each) => /part-\d+$/.test(each)))
      hash
        .update(path.basename(key))
        .update("\0")
        .update((await store.read(key, null, 0, Infinity))!);
    return hash.digest("hex");
  };

  beforeAll(async () => {
    server = await startAzurite();
    Object.assign(process.env, server.env);
  });
  afterAll(async () => await server.close());
  beforeEach(async () => {
    box = `box-${++containers}`;
    await server.makeContainer(box);
    store = storeOf(place(""));
  });

  test("the output is the same bytes as over a directory, in slots of both kinds", async () => {
    await put();
    await run({});
    for (const isolation of ["thread", "process"]) {
      const there = ["--input", `azblob://${box}/books`, "--output", `azblob://${box}/out/${isolation}`];
      await run({}, ...there, "--isolation", isolation);
      expect(await digestOf(`out/${isolation}`)).toBe(project.digest("out"));
      const others = (await keysBelow(`out/${isolation}/`)).filter((key) => !/part-\d+$/.test(key));
      expect(others).toEqual([`out/${isolation}/.shoal.json`]);
    }
    expect(project.leftovers()).toEqual([]);
    await until("the library's processes have ended", () => hosts().length === 0);
  });

  test("a job that is killed again and again goes on, and its output is whole", async () => {
    await put();
    await run({});
    const there = ["--input", `azblob://${box}/books`, "--output", `azblob://${box}/out`];
    let isOver = false;
    let kills = 0;
    for (let events = 20; !isOver; events += 200) {
      const running = project.startWith({ SHOAL_CACHE: cache }, "run", ...args, ...there);
      const entries = (): number => project.journals().split('"kind":"entry"').length - 1;
      await until("some of it is done", () => running.process.exitCode !== null || entries() >= events);
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
    await until("the library's processes have ended with them", () => hosts().length === 0);
  });

  test("a slot that is ended while it reads ends neither the program nor the other slots", async () => {
    await put();
    project.write(
      "stuck.ts",
      `import { job, read } from "shoal";
export default job({ input: "" }, ({ input }) => read.lines(input).map(() => { for (;;); }).collect());`,
    );
    const there = ["--input", `azblob://${box}/books`, "--split-size", "64k", "--task-timeout", "300ms"];
    const { code, stderr } = await shoal({}, "run", "stuck.ts", "--slots", "2", ...there);
    expect(code).toBe(1);
    expect(stderr).toMatch(/task t\d+ .*failed 4 times.*stopped after 300 ms/);
    await until("the library's processes have ended", () => hosts().length === 0);
  });

  test("a process of the library that is killed is begun anew", async () => {
    process.env["SHOAL_CACHE"] = cache;
    await store.write("a", "x".repeat(1_000_000));
    const before = childHosts();
    expect(before).toHaveLength(1);
    const reads = Array.from({ length: 20 }, () => store.read("a", null, 0, 1_000_000));
    process.kill(before[0]!, "SIGKILL");
    for (const bytes of await Promise.all(reads)) expect(bytes).toHaveLength(1_000_000);
    expect(childHosts()).not.toEqual(before);
  });

  test("credentials are not told, and what is missing is", async () => {
    const there = ["--input", `azblob://${box}/books`];
    const wrong = { AZURE_STORAGE_KEY: "", AZURE_STORAGE_SAS_TOKEN: "sv=2021-08-06&sig=c2VjcmV0c2VjcmV0" };
    const refused = await shoal(wrong, "run", ...args, ...there);
    expect(refused.stderr).toMatch(/STORE_REFUSED.*azblob:\/\/.*403/);
    expect(refused.stderr).toContain("Set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY");
    expect(refused.stderr).not.toMatch(/c2VjcmV0|sig=/);
    const nowhere = { AZURE_STORAGE_ACCOUNT: "", AZURE_STORAGE_SERVICE_ENDPOINT: "" };
    expect((await shoal(nowhere, "run", ...args, ...there)).stderr).toMatch(
      /nothing says where azblob:\/\/box-\d+ is[^]*AZURE_STORAGE_SERVICE_ENDPOINT/,
    );
  });

  test("a store that takes a creation for a write takes no output", async () => {
    const careless = Object.assign(Object.create(store) as ObjectStore, {
      create: async (key: string, text: string) => {
        await store.write(key, text);
        return true;
      },
    });
    const output = Object.assign(Object.create(ObjectOutput.prototype) as object, {
      store: careless,
      staging: "out/.shoal-r1",
      directory: "azblob://box/out",
    }) as unknown as { requireCreatesOnce(): Promise<void> };
    await store.write("out/.shoal-r1/owner.json", "{}");
    await expect(output.requireCreatesOnce()).rejects.toThrow(/creates an object twice/);
    expect(await keysBelow("out/")).toEqual([]);
  });

  test("docs/other-stores.md does not lie", async () => {
    await put();
    const results = `counts-${box}`;
    await server.makeContainer(results);
    const replaced = { "books-of-mine/all": `${box}/books`, "counts-of-mine": results };
    const { stdout, stderr, expected, commands } = await runDocument("other-stores.md", replaced);
    expect({ stderr, commands: commands.length }).toEqual({ stderr: "", commands: 2 });
    expect(stdout).toEqual(expected);
  });
});

/** Of this process. */
const childHosts = (): number[] =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const [, state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8")
          .split(") ")[1]!
          .match(/^(\S) (\d+)/)!;
        const program = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return state !== "Z" && Number(parent) === process.pid && program.includes("store-host.js");
      } catch {
        return false; // it has ended meanwhile
      }
    })
    .map(Number);

describe("input", () => {
  test("over HTTP is the same; patterns, and files that are not there, are told", async () => {
    const web = await startWeb();
    try {
      for (const book of books) web.put(`a b/${book}`, textOf(book));
      await run({});
      const inputs = books.flatMap((book) => ["--input", `http://${web.host}/a%20b/${book}`]);
      await run({}, ...inputs, "--output", "from-web");
      expect(project.digest("from-web")).toBe(project.digest("out"));
      for (const name of ["*.txt", "none.txt"]) {
        const { code, stderr } = await shoal({}, "run", ...args, "--input", `http://${web.host}/${name}`);
        expect(code).toBe(3);
        expect(stderr).toMatch(/INPUT_NOT_FOUND.*http: stores have no listings[^]*without patterns/);
      }
    } finally {
      await web.close();
    }
  });

  test.skipIf(rclone() === null)("over WebDAV is the same; output is refused before any work", async () => {
    const login = { user: "me", password: "s@cret" };
    const dav = await startWebdav(login);
    try {
      for (const book of books) dav.put(`books/${book}`, textOf(book));
      await run({});
      const input = ["--input", `webdav://${dav.host}/books/*.txt`];
      const env = { SHOAL_STORE_LOGINS: `webdav://me:s%40cret@${dav.host}` };
      await run(env, ...input, "--output", "from-dav");
      expect(project.digest("from-dav")).toBe(project.digest("out"));
      const other = await shoal(env, "run", ...args, "--output", `webdav://${dav.host}/out`);
      expect(other.code).toBe(4);
      expect(other.stderr).toMatch(/OUTPUT_INVALID.*nothing could be committed there; webdav: is for input/);
      expect((await shoal({}, "run", ...args, ...input, "--fresh")).stderr).toMatch(
        /STORE_REFUSED[^]*SHOAL_STORE_LOGINS/,
      );
    } finally {
      await dav.close();
    }
  });

  test.skipIf(!hasS3Server())(
    "in Swift is the same",
    async () => {
      const server = await startS3();
      try {
        const env = { ...server.env, ...(await server.swift()) };
        Object.assign(process.env, env);
        await server.makeBucket("shelf");
        const settings = { endpoint: env.OS_STORAGE_URL!, region: null };
        const shelf = storeOf({ scheme: "swift", bucket: "shelf", store: settings });
        for (const book of books) await shelf.write(`books/${book}`, textOf(book));
        await run({});
        await run(env, "--input", "swift://shelf/books", "--output", "from-swift");
        expect(project.digest("from-swift")).toBe(project.digest("out"));
      } finally {
        await server.close();
      }
    },
    120_000,
  );
});

test("where the storage library is not installed, it is said how to install it", async () => {
  const root = path.resolve(import.meta.dirname, "../..");
  rmSync(project.at("node_modules"), { recursive: true });
  for (const name of ["dist", "package.json"])
    cpSync(path.join(root, name), project.at("node_modules/shoal", name), { recursive: true });
  for (const name of readdirSync(path.join(root, "node_modules")))
    if (name !== "opendal" && name !== "shoal")
      symlinkSync(path.join(root, "node_modules", name), project.at("node_modules", name));
  const { spawnSync } = await import("node:child_process");
  const cli = project.at("node_modules/shoal/dist/cli/main.js");
  const input = ["--input", "http://127.0.0.1:9/a"];
  const { status, stderr } = spawnSync(process.execPath, [cli, "run", ...args, ...input], {
    cwd: project.dir,
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/STORE_REFUSED.*http: URLs need the optional storage library, opendal 0\.49\.2/);
  expect(stderr).toContain("npm install opendal@0.49.2");
});
