// The classic form: whole files in, ten sorted files out. Words are maximal runs of Unicode letters.
//
//   npx shoal run examples/03-classic-word-count.ts --input 'books/*.txt' --output counts

import { mapReduce } from "shoal";

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export default mapReduce({
  map: (_file, contents) => (contents.match(/\p{L}+/gu) ?? []).map((word) => [word, 1] as const),
  combine: (_word, counts) => sum(counts),
  reduce: (_word, counts) => sum(counts),
  partitions: 10,
});
