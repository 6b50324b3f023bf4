// Planted bugs: each is put into a bundle of the simulation (never into the tree), which then runs seeds until a checker
// objects. A bug that is not found tells of a hole in the simulation; a bug that cannot be planted is out of date.

import { readFileSync } from "node:fs";
import path from "node:path";
import type { Found, Order } from "./batch.ts";
import { mutations } from "./mutations/list.ts";
import { plant, type Mutation } from "./mutations/mutation.ts";
import { workOff } from "./pool.ts";

/** The repository: tests are run from there, and so is the bundle. */
const root = process.cwd();

/** Bundles `entry` of the tree with the bug in it. Fails if the bug cannot be planted. */
export async function bundleWith(mutation: Mutation, entry: string, outfile: string): Promise<void> {
  const { build } = await import("esbuild");
  const target = path.join(root, mutation.file);
  const planted = plant(mutation, readFileSync(target, "utf8"));
  let isReached = false;
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: "inline",
    logLevel: "silent",
    plugins: [
      {
        name: "planted-bug",
        setup: (builder) =>
          builder.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
            if (file !== target) return undefined;
            isReached = true;
            return { contents: planted, loader: "ts" };
          }),
      },
    ],
  });
  if (!isReached)
    throw new Error(
      `the mutation ${mutation.name} is in ${mutation.file}, which the simulation does not use`,
    );
}

/** Hunts all bugs whose names contain `only`, and prints the table. Returns whether all were found. */
export async function huntMutations(only: string, seedsMost: number, jobs: number): Promise<boolean> {
  const chosen = mutations.filter(({ name }) => name.includes(only));
  let missed = 0;
  console.log(`${"bug".padEnd(36)} ${"seeds".padStart(6)}  found by                 what is wrong`);
  for (const mutation of chosen) {
    const bundle = path.join(path.dirname(process.argv[1]!), `${mutation.name}.mjs`);
    await bundleWith(mutation, "test/sim/main.ts", bundle);
    const { found, seeds } = await hunt(bundle, seedsMost, jobs);
    if (found === null) missed++;
    console.log(
      `${mutation.name.padEnd(36)} ${String(found?.seed ?? `>${seeds}`).padStart(6)}  ${(found?.checker ?? "NOT FOUND").padEnd(24)} ${mutation.bug}`,
    );
  }
  console.log(`\n${chosen.length - missed} of ${chosen.length} planted bugs were found`);
  return missed === 0 && chosen.length > 0;
}

async function hunt(
  bundle: string,
  seedsMost: number,
  jobs: number,
): Promise<{ found: Found | null; seeds: number }> {
  const result: { found: Found | null; seeds: number } = { found: null, seeds: 0 };
  let next = 1;
  await workOff(
    bundle,
    jobs,
    {
      next(): Order | null {
        // Small orders first: most bugs show within a few seeds. Only those that make runs differ need each seed twice.
        const count = Math.min(next < 200 ? 20 : 200, seedsMost - next + 1);
        if (count <= 0 || (result.found !== null && result.found.seed < next)) return null;
        next += count;
        return { from: next - count, seeds: count, isTwice: next < 200 };
      },
      take(answer) {
        result.seeds += answer.tally.seeds;
        const [first] = answer.found;
        if (first !== undefined && (result.found === null || first.seed < result.found.seed))
          result.found = first;
      },
    },
    true,
  );
  return result;
}
