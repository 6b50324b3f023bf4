// The same word count in plain Node: one thread, read in chunks, no framework.
//
//   node bench/plain-word-count.mjs INPUT OUTPUT
import fs from "node:fs";
import { words } from "./words.mjs";

const [input, output] = process.argv.slice(2);
const counts = new Map();
const chunk = Buffer.allocUnsafe(4 * 2 ** 20);
const file = fs.openSync(input, "r");
let rest = Buffer.alloc(0);

function count(line) {
  for (const word of words(line)) {
    const entry = counts.get(word);
    if (entry === undefined) counts.set(word, { n: 1 });
    else entry.n++;
  }
}

for (;;) {
  const size = fs.readSync(file, chunk, 0, chunk.length, null);
  if (size === 0) break;
  const data = rest.length === 0 ? chunk.subarray(0, size) : Buffer.concat([rest, chunk.subarray(0, size)]);
  let from = 0;
  for (let to = data.indexOf(10); to !== -1; to = data.indexOf(10, from)) {
    count(data.utf8Slice(from, to));
    from = to + 1;
  }
  rest = Buffer.from(data.subarray(from));
}
if (rest.length > 0) count(rest.utf8Slice(0, rest.length));
fs.closeSync(file);

fs.mkdirSync(output, { recursive: true });
const keys = [...counts.keys()].sort();
fs.writeFileSync(`${output}/counts.tsv`, keys.map((key) => `${key}\t${counts.get(key).n}\n`).join(""));
