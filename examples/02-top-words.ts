// The most frequent words, most frequent first: a second exchange, sorted over all partitions.
//
//   npx shoal run examples/02-top-words.ts --input 'books/*.txt' --atLeast 100

import { job, read } from "shoal";

export default job({ input: "books/*.txt", atLeast: 100 }, ({ input, atLeast }) =>
  read
    .lines(input)
    .flatMap((line) => line.toLowerCase().match(/[a-z]+/g) ?? [])
    .countByValue()
    .filter(([, count]) => count >= atLeast)
    .map(([word, count]) => [count, word] as const)
    .sortByKey({ descending: true })
    .collect(),
);
