// npm run chaos:flips: flips bits in blocks, bounds, spills, bundles and journals, and counts those that are found.
//
//   node test/chaos/flips.mjs [--flips 100000] [--seed 1] [--json]
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const { values } = parseArgs({
  options: {
    flips: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run chaos:flips -- [--flips N] [--seed N] [--json]\nFlips bits in every kind of file that is read back; each must be found.",
  );
  process.exit(0);
}
const root = fileURLToPath(new URL("../..", import.meta.url));
mkdirSync(path.join(root, "tmp"), { recursive: true });
const lab = mkdtempSync(path.join(root, "tmp", "flips-"));
try {
  const outfile = path.join(lab, "flips.mjs");
  await build({
    absWorkingDir: root,
    entryPoints: ["test/chaos/flips.ts"],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "error",
  });
  const { flipBits } = await import(pathToFileURL(outfile).href);
  const tell = (done) => process.stderr.write(`${done} of ${values.flips} bits flipped\n`);
  const results = await flipBits(Number(values.flips), Number(values.seed), values.json ? () => {} : tell);
  const found = results.reduce((sum, result) => sum + result.found, 0);
  if (values.json) console.log(JSON.stringify(results));
  else {
    for (const { kind, flips, found, missed } of results)
      console.log(
        `${kind.padEnd(20)} ${found} of ${flips} found${missed.length > 0 ? `; not: ${missed[0]}` : ""}`,
      );
    console.log(`${found} of ${values.flips} flips found`);
  }
  if (found !== Number(values.flips)) process.exitCode = 1;
} finally {
  rmSync(lab, { recursive: true, force: true });
}
