// npm run chaos:flips: flips bits in blocks, bounds, spills, bundles and journals, and counts those that are found.
//
//   node test/chaos/flips.mjs [--flips 100000] [--seed 1] [--json]
import { parseArgs } from "node:util";
import { importEngine } from "../../bench/engine.mjs";

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
const { flipBits } = await importEngine("test/chaos/flips.ts");
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
