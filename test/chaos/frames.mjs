// npm run chaos:frames: mutates messages of every kind that comes from outside, and gives them to whoever takes them.
//
//   node test/chaos/frames.mjs [--count 200000] [--seed 1] [--only "frames at a worker"] [--json]
import { parseArgs } from "node:util";
import { importEngine } from "../../bench/engine.mjs";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "200000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(
    "usage: npm run chaos:frames -- [--count N] [--seed N] [--only KIND] [--json]\nMutates messages; no receiver may crash, hang, change a prototype or go deaf.",
  );
  process.exit(0);
}
const { mutateFrames, victims } = await importEngine("test/chaos/frames/run.ts");
const tell = (done) => process.stderr.write(`${done} of ${values.count} messages given\n`);
const began = performance.now();
const results = await mutateFrames(
  Number(values.count),
  Number(values.seed),
  values.json ? undefined : tell,
  values.only === undefined ? Object.keys(victims) : [values.only],
);
const faults = results.flatMap((result) => result.faults);
if (values.json) console.log(JSON.stringify(results));
else {
  for (const { kind, messages, faults: wrong } of results) {
    console.log(`${kind.padEnd(24)} ${messages} messages, ${wrong.length} faults`);
    for (const text of wrong.slice(0, 3)) console.log(text);
  }
  const total = results.reduce((sum, { messages }) => sum + messages, 0);
  console.log(
    `${total} messages, ${faults.length} faults, ${((performance.now() - began) / 1000).toFixed(0)} s`,
  );
}
process.exit(faults.length === 0 ? 0 : 1);
