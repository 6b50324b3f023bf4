// npm run bench: word count of 256 MiB against plain Node, in one run, pair by pair.
//
//   node bench/run.mjs [--size 256] [--rounds 3] [--json]
//
// Each round runs plain Node, then shoal on 1 slot, then on 2, as whole processes; the ratios are of the same round,
// so that a machine whose speed drifts does not spoil them. Outputs are compared: a fast wrong answer is no answer.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeText } from "./text.mjs";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "256" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(
    "usage: node bench/run.mjs [--size MIB] [--rounds N] [--json]\nWord count: shoal on 1 and 2 slots against plain Node.",
  );
  process.exit(0);
}
const here = path.dirname(fileURLToPath(import.meta.url));
const cli = path.join(here, "../dist/cli/main.js");
const lab = path.join(os.tmpdir(), "shoal-bench");
const input = path.join(lab, `text-${values.size}.txt`);
makeText(input, Number(values.size) * 2 ** 20);

function run(args) {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: lab,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) throw new Error(`exit code ${status} of ${args.join(" ")}\n${stderr}`);
  return (performance.now() - startedAt) / 1000;
}

/** The digest of all lines of all files, in order of the lines: the same for one file or many. */
function digest(folder) {
  const files = fs
    .readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .sort();
  const lines = files.flatMap((name) =>
    fs.readFileSync(path.join(folder, name), "utf8").split("\n").filter(Boolean),
  );
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
}

const shoal = (slots) => [
  cli,
  "run",
  path.join(here, "word-count.ts"),
  "--input",
  input,
  "--output",
  path.join(lab, `out-${slots}`),
  "--slots",
  String(slots),
  "--quiet",
  "--overwrite",
];
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rounds = [];
for (let round = 0; round < Number(values.rounds) + 1; round++) {
  const plain = run([path.join(here, "plain-word-count.mjs"), input, path.join(lab, "out-plain")]);
  const one = run(shoal(1));
  const two = run(shoal(2));
  if (round > 0) rounds.push({ plain, one, two, oneToPlain: one / plain, speedUp: plain / two });
  if (!values.json)
    console.log(
      `${round === 0 ? "warm-up" : `round ${round}`}: plain ${plain.toFixed(2)} s, 1 slot ${one.toFixed(2)} s, 2 slots ${two.toFixed(2)} s`,
    );
}
const digests = ["plain", "1", "2"].map((name) => digest(path.join(lab, `out-${name}`)));
if (new Set(digests).size !== 1) throw new Error(`the outputs differ: ${digests.join(" ")}`);
const result = {
  mebibytes: Number(values.size),
  rounds,
  oneSlotToPlain: median(rounds.map(({ oneToPlain }) => oneToPlain)),
  twoSlotsFasterThanPlain: median(rounds.map(({ speedUp }) => speedUp)),
};
if (values.json) console.log(JSON.stringify(result));
else {
  console.log(
    `1 slot: ${result.oneSlotToPlain.toFixed(3)} × the time of plain Node (median of ${rounds.length} rounds; target ≤ 1.15)`,
  );
  console.log(
    `2 slots: ${result.twoSlotsFasterThanPlain.toFixed(2)} × faster than plain Node (target ≥ 1.75); all outputs equal`,
  );
}
