// A job run from a program of your own, and its result as a value.
//
//   node examples/07-from-a-program.mjs 'books/*.txt'

import { connect } from "shoal";

const input = process.argv[2] ?? "books/*.txt";
const shoal = await connect();
try {
  const { value, report } = await shoal.run(new URL("./02-top-words.ts", import.meta.url), {
    input,
    atLeast: 50,
  });
  for (const [count, word] of value.slice(0, 10)) console.log(`${word}\t${count}`);
  console.error(`${value.length} words in ${Math.round(report.wallMs)} ms on ${report.slots} slots`);
} finally {
  await shoal.close(); // in TypeScript, and on Node 24: await using shoal = await connect();
}
