import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, expect, test } from "vitest";
import { ResultCache, type ResultCacheSettings } from "./result-cache.ts";
import { markAsLeft } from "./result-rehearsal.ts";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "shoal-results-"));
const opened: ResultCache[] = [];
let directories = 0;
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close();
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

const newDirectory = (): string => path.join(root, String(++directories));
const MiB = 2 ** 20;

interface Opened {
  readonly cache: ResultCache;
  readonly troubles: string[];
}

async function open(directory: string, settings: Partial<ResultCacheSettings> = {}): Promise<Opened> {
  const troubles: string[] = [];
  const cache = await ResultCache.open({
    directory,
    bytesMax: 64 * MiB,
    now: Date.now,
    onTrouble: (reason) => troubles.push(reason),
    diskFreeBytes: () => Infinity,
    ...settings,
  });
  opened.push(cache);
  return { cache, troubles };
}

const key = (name: string | number): Buffer => createHash("sha256").update(String(name)).digest();
/** Bytes that no two names have in common. */
const bytes = (name: string | number, length = 100): Buffer => Buffer.alloc(length, key(`bytes of ${name}`));

const fileOf = (directory: string): string =>
  path.join(
    directory,
    fs
      .readdirSync(directory)
      .filter((name) => name.endsWith(".mdb"))
      .sort()
      .at(-1)!,
  );

test("what was put is found, by this cache and by the next one, and nothing else is", async () => {
  const directory = newDirectory();
  const { cache } = await open(directory);
  expect(cache.get(key("a"), Infinity)).toBeNull();
  await Promise.all([cache.put(key("a"), bytes("a")), cache.put(key("b"), bytes("b", 300_000))]);
  await cache.put(key("empty"), bytes("", 0));
  const check = (of: ResultCache): void => {
    expect(of.get(key("a"), Infinity)).toEqual(bytes("a"));
    expect(of.get(key("b"), Infinity)).toEqual(bytes("b", 300_000));
    expect(of.get(key("empty"), Infinity)).toHaveLength(0);
    expect(of.get(key("c"), Infinity)).toBeNull();
  };
  check(cache);
  await cache.close();
  check((await open(directory)).cache);
});

test("the result is a copy", async () => {
  const { cache } = await open(newDirectory());
  await cache.put(key("a"), bytes("a"));
  await cache.put(key("b"), bytes("b"));
  const first = cache.get(key("a"), Infinity)!;
  cache.get(key("b"), Infinity);
  expect(first).toEqual(bytes("a"));
  first.fill(0);
  expect(cache.get(key("a"), Infinity)).toEqual(bytes("a"));
});

test("a result is good until its time is over, whoever asks and however the clock goes", async () => {
  let now = 1_000_000;
  const { cache } = await open(newDirectory(), { now: () => now });
  await cache.put(key("a"), bytes("a"));
  now += 999;
  expect(cache.get(key("a"), 1000)).not.toBeNull();
  now += 1;
  expect(cache.get(key("a"), 1000)).toBeNull();
  expect(cache.get(key("a"), 2000)).not.toBeNull();
  expect(cache.get(key("a"), Infinity)).not.toBeNull();
  await cache.put(key("a"), bytes("new"));
  expect(cache.get(key("a"), 1000)).toEqual(bytes("new"));
  now -= 60_000; // as if it had been set by hand
  expect(cache.get(key("a"), 100_000)).toBeNull();
  expect(cache.get(key("a"), Infinity)).toEqual(bytes("new"));
});

test("the bound is kept, what was used lately stays, what was not goes", async () => {
  const directory = newDirectory();
  const { cache, troubles } = await open(directory, { bytesMax: 4 * MiB });
  await cache.put(key("used"), bytes("used"));
  let largest = 0;
  for (let n = 0; n < 40; n++) {
    for (let m = 0; m < 10; m++) void cache.put(key(`${n} ${m}`), bytes(`${n} ${m}`, 30_000));
    await cache.settled();
    expect(cache.get(key("used"), Infinity)).toEqual(bytes("used"));
    await cache.settled();
    largest = Math.max(largest, fs.statSync(fileOf(directory)).size);
  }
  expect(troubles).toEqual([]);
  const kept = (n: number): boolean => cache.get(key(`${n} 0`), Infinity) !== null;
  expect(kept(0)).toBe(false); // 12 MB have been written since
  expect([39, 38, 37, 36].every(kept)).toBe(true); // and 1.2 MB
  expect(largest).toBeGreaterThan(2.5 * MiB);
  expect(largest).toBeLessThan(4 * MiB);
});

test("small entries count by what they take on disk", async () => {
  const directory = newDirectory();
  const { cache } = await open(directory, { bytesMax: MiB });
  for (let n = 0; n < 30; n++) {
    for (let m = 0; m < 1000; m++) void cache.put(key(`${n} ${m}`), bytes("x", 20));
    await cache.settled();
  }
  expect(fs.statSync(fileOf(directory)).size).toBeLessThan(1.2 * MiB);
});

test("a smaller bound empties what is too much", async () => {
  const directory = newDirectory();
  const first = await open(directory, { bytesMax: 32 * MiB });
  for (let n = 0; n < 10; n++) void first.cache.put(key(n), bytes(n, MiB));
  await first.cache.settled();
  await first.cache.close();
  const { cache } = await open(directory, { bytesMax: 32 * MiB });
  expect(cache.get(key(0), Infinity)).not.toBeNull();
  cache.setBound(MiB);
  await cache.put(key("next"), bytes("next"));
  expect(cache.get(key(0), Infinity)).toBeNull();
  expect(cache.get(key("next"), Infinity)).not.toBeNull();
});

test("an entry that would take much of the bound is not kept", async () => {
  const { cache, troubles } = await open(newDirectory(), { bytesMax: MiB });
  await cache.put(key("large"), bytes("large", 100_000));
  expect(cache.get(key("large"), Infinity)).toBeNull();
  expect(troubles).toEqual([]);
});

test("two caches of one directory find each other's results", async () => {
  const directory = newDirectory();
  const [one, two] = [await open(directory), await open(directory)];
  await one.cache.put(key("a"), bytes("a"));
  await two.cache.put(key("b"), bytes("b"));
  expect(two.cache.get(key("a"), Infinity)).toEqual(bytes("a"));
  expect(one.cache.get(key("b"), Infinity)).toEqual(bytes("b"));
});

/** Changes the file between two processes' turns. */
async function damaged(change: (file: string) => void, put = 300): Promise<Opened> {
  const directory = newDirectory();
  const { cache } = await open(directory);
  for (let n = 0; n < put; n++) void cache.put(key(n), bytes(n, 200));
  await cache.close();
  change(fileOf(directory));
  return await open(directory);
}

test("a damaged result is not found; a new one is", async () => {
  let places = 0;
  const { cache, troubles } = await damaged((file) => {
    const content = fs.readFileSync(file);
    for (let at = content.indexOf(bytes(7, 200)); at >= 0; at = content.indexOf(bytes(7, 200), at + 200)) {
      content[at + 150]! ^= 1;
      places++;
    }
    fs.writeFileSync(file, content);
  });
  expect(places).toBeGreaterThan(0);
  expect(cache.get(key(7), Infinity)).toBeNull();
  expect(cache.get(key(8), Infinity)).toEqual(bytes(8, 200));
  await cache.put(key(7), bytes("again"));
  expect(cache.get(key(7), Infinity)).toEqual(bytes("again"));
  expect(troubles).toEqual([]);
});

test("a result under another's key is not found", async () => {
  const { cache } = await damaged((file) => {
    const content = fs.readFileSync(file);
    for (let at = content.indexOf(key(3)); at >= 0; at = content.indexOf(key(3), at + 1))
      key(4).copy(content, at);
    fs.writeFileSync(file, content);
  }, 4);
  expect(cache.get(key(4), Infinity)).toBeNull();
});

test.each([
  ["is something else", (file: string) => fs.writeFileSync(file, bytes("noise", 50_000))],
  ["is cut short", (file: string) => fs.truncateSync(file, fs.statSync(file).size - 4096)],
  ["is cut in its first page", (file: string) => fs.truncateSync(file, 100)],
  [
    "has lost its first page",
    (file: string) => {
      const content = fs.readFileSync(file);
      fs.writeFileSync(file, content.fill(0, 0, 4096));
    },
  ],
  ["is empty", (file: string) => fs.truncateSync(file, 0)],
])("a file that %s is made anew", async (_what, change) => {
  const { cache, troubles } = await damaged(change);
  expect(cache.get(key(7), Infinity)).toBeNull();
  await cache.put(key(7), bytes(7));
  expect(cache.get(key(7), Infinity)).toEqual(bytes(7));
  expect(troubles).toEqual([]);
  const files = fs.readdirSync(path.join(root, String(directories)));
  expect(files.filter((name) => name.endsWith(".mdb"))).toHaveLength(1);
});

/** Page heads: number (u64), 10 bytes, flags (u16); 1 is a branch of a tree. */
function spoilBranches(file: string): void {
  const content = fs.readFileSync(file);
  let spoiled = 0;
  for (let at = 8192; at < content.length; at += 4096) {
    if (content.readUInt16LE(at + 18) !== 1) continue;
    content.fill(0, at, at + 4096);
    spoiled++;
  }
  expect(spoiled).toBeGreaterThan(0);
  fs.writeFileSync(file, content);
}

test("a file whose structure is broken is not opened: a process that may die finds out", async () => {
  const { cache, troubles } = await damaged(spoilBranches, 3000);
  await cache.put(key(7), bytes(7));
  expect(cache.get(key(7), Infinity)).toEqual(bytes(7));
  expect(cache.get(key(8), Infinity)).toBeNull();
  expect(troubles).toEqual([]);
  expect(path.basename(fileOf(path.join(root, String(directories))))).toBe("results-1-1.mdb");
});

test("a file that somebody has touched keeps its results", async () => {
  const { cache } = await damaged((file) => fs.utimesSync(file, 1, 1));
  expect(cache.get(key(7), Infinity)).toEqual(bytes(7, 200));
});

test("a file that proves broken while it is read is given up, said once, and followed by another", async () => {
  const { cache, troubles } = await damaged((file) => {
    spoilBranches(file);
    markAsLeft(file);
  }, 3000);
  const directory = path.join(root, String(directories));
  for (let n = 0; n < 10; n++) expect(cache.get(key(n), Infinity)).toBeNull();
  await cache.put(key(7), bytes(7));
  expect(cache.get(key(7), Infinity)).toBeNull();
  expect(troubles).toHaveLength(1);
  expect(troubles[0]).toContain("is damaged, and will be made anew");
  await cache.close();
  const next = await open(directory);
  await next.cache.put(key(7), bytes(7));
  expect(next.cache.get(key(7), Infinity)).toEqual(bytes(7));
  const files = fs.readdirSync(directory).filter((name) => !name.endsWith("-mark"));
  expect(files).toEqual(["results-1-1.mdb", "results-1-1.mdb-lock"]);
});

test("so is one that proves broken while it is written", async () => {
  const { cache, troubles } = await damaged((file) => {
    spoilBranches(file);
    markAsLeft(file);
  }, 3000);
  await cache.put(key("new"), bytes("new"));
  expect(troubles).toHaveLength(1);
  expect(cache.get(key("new"), Infinity)).toBeNull();
});

test("bits that have flipped cost results, and never give a wrong one", async () => {
  let state = 20_261_120;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state % below;
  };
  for (let n = 0; n < 4; n++) {
    const { cache } = await damaged((file) => {
      const content = fs.readFileSync(file);
      for (let flips = 0; flips < 40; flips++) content[random(content.length)]! ^= 1 << random(8);
      fs.writeFileSync(file, content);
    }, 1000);
    for (let m = 0; m < 1000; m++) {
      const found = cache.get(key(m), Infinity);
      if (found !== null) expect(found).toEqual(bytes(m, 200));
    }
    await cache.put(key("new"), bytes("new"));
    expect(cache.get(key("new"), Infinity)).toEqual(bytes("new"));
  }
});

test("a disk that is nearly full is left alone, and that is said once; what is there is still found", async () => {
  let free = Infinity;
  const { cache, troubles } = await open(newDirectory(), { bytesMax: MiB, diskFreeBytes: () => free });
  await cache.put(key("a"), bytes("a"));
  free = 10 * MiB;
  for (let n = 0; n < 100; n++) await cache.put(key(n), bytes(n, 1000));
  expect(troubles).toEqual(["the disk has less than 64 MiB left"]);
  expect(cache.get(key("a"), Infinity)).toEqual(bytes("a"));
  expect(cache.get(key(99), Infinity)).toBeNull();
});

test("older formats and files that were given up are removed, newer ones are not ours", async () => {
  const directory = newDirectory();
  fs.mkdirSync(directory);
  const names = [
    "results-0-3.mdb",
    "results-0-3.mdb-lock",
    "results-1-0.mdb",
    "results-1-2.mdb",
    "results-9-0.mdb",
    "other.txt",
  ];
  for (const name of names) fs.writeFileSync(path.join(directory, name), "");
  await open(directory);
  expect(fs.readdirSync(directory).sort()).toEqual(
    ["other.txt", "results-1-2.mdb", "results-1-2.mdb-lock", "results-9-0.mdb"].sort(),
  );
});

test("a directory that cannot be used is an error of opening", async () => {
  const directory = newDirectory();
  fs.writeFileSync(directory, "a file");
  await expect(open(directory)).rejects.toThrow("EEXIST");
});

/** The cache for processes of their own. */
async function compiled(): Promise<string> {
  const outfile = path.join(root, "result-cache.mjs");
  const modules = path.join(root, "node_modules");
  if (!fs.existsSync(modules))
    fs.symlinkSync(path.resolve(import.meta.dirname, "../../node_modules"), modules);
  await build({
    entryPoints: [path.resolve(import.meta.dirname, "result-cache.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
  });
  return outfile;
}

/** Runs `code`, which has `cache`, `key` and `bytes`, in a new process. */
async function inProcess(
  module: string,
  directory: string,
  code: string,
  bytesMax = MiB,
): Promise<[number | null, string]> {
  const program = `
    import { createHash } from "node:crypto";
    const { ResultCache } = await import(${JSON.stringify(module)});
    const key = (name) => createHash("sha256").update(String(name)).digest();
    const bytes = (name, length = 100) => Buffer.alloc(length, key("bytes of " + name));
    const cache = await ResultCache.open({ directory: ${JSON.stringify(directory)}, bytesMax: ${bytesMax}, now: Date.now,
      onTrouble: (reason) => console.log("trouble", reason), diskFreeBytes: () => Infinity });
    ${code}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  const [code_] = (await once(child, "close")) as [number | null];
  return [code_, output];
}

test("processes that write at once share results and the bound", async () => {
  const module = await compiled();
  const directory = newDirectory();
  const write = (who: number): string => `
    for (let n = 0; n < 2000; n++) {
      void cache.put(key("${who} " + n), bytes("${who} " + n, 1500));
      for (const m of [n, n - 500]) for (const other of [0, 1, 2]) {
        const found = cache.get(key(other + " " + m), Infinity);
        if (found !== null && Buffer.compare(found, bytes(other + " " + m, 1500)) !== 0) console.log("wrong", m);
      }
      if (n % 20 === 0) await cache.settled();
    }`;
  const done = await Promise.all([0, 1, 2].map((who) => inProcess(module, directory, write(who), 4 * MiB)));
  expect(done).toEqual([0, 1, 2].map(() => [0, ""]));
  const { cache, troubles } = await open(directory, { bytesMax: 4 * MiB });
  const kept = [0, 1, 2].flatMap((who) =>
    Array.from({ length: 2000 }, (_none, n) => cache.get(key(`${who} ${n}`), Infinity)).filter(Boolean),
  );
  expect(kept.length).toBeGreaterThan(500); // of 6,000; there is room for about 1,100
  // A process that is not given time in the midst of a read keeps pages from being used again meanwhile: the file may have
  // grown beyond its bound by then. It does not go on growing.
  const { size } = fs.statSync(fileOf(directory));
  for (let n = 0; n < 3000; n++) {
    void cache.put(key(`later ${n}`), bytes(`later ${n}`, 1500));
    if (n % 20 === 0) await cache.settled();
  }
  await cache.settled();
  expect(fs.statSync(fileOf(directory)).size).toBeLessThanOrEqual(Math.max(size, 5 * MiB));
  expect(troubles).toEqual([]);
});

test("a process lives until its results are written, and not longer", async () => {
  const directory = newDirectory();
  const put = `void cache.put(key("last"), bytes("last"));`;
  expect(await inProcess(await compiled(), directory, put)).toEqual([0, ""]);
  const { cache } = await open(directory);
  expect(cache.get(key("last"), Infinity)).toEqual(bytes("last"));
});

test("a process that is killed while it writes leaves a cache that works", async () => {
  const module = await compiled();
  const directory = newDirectory();
  const [code] = await inProcess(
    module,
    directory,
    `for (let n = 0; ; n++) {
       void cache.put(key(n), bytes(n, 500));
       if (n === 500) await cache.settled();
       if (n === 700) setImmediate(() => process.kill(process.pid, "SIGKILL"));
       if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
     }`,
  );
  expect(code).toBeNull();
  const { cache, troubles } = await open(directory);
  expect(cache.get(key(500), Infinity)).toEqual(bytes(500, 500));
  await cache.put(key("next"), bytes("next"));
  expect(cache.get(key("next"), Infinity)).toEqual(bytes("next"));
  expect(troubles).toEqual([]);
});
