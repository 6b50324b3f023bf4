// How often each word occurs: the first thing to try.
//
//   npx shoal run examples/01-word-count.ts --input 'books/*.txt' --output counts

import { job, read } from "shoal";

export default job({ input: "books/*.txt", output: "counts" }, ({ input, output }) =>
  read
    .lines(input)
    .flatMap((line) => line.toLowerCase().match(/[a-z]+/g) ?? [])
    .countByValue()
    .write.tsv(output),
);
