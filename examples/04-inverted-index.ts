// In which files does each word occur? The classic form without a combiner.
//
//   npx shoal run examples/04-inverted-index.ts --input 'books/*.txt' --output index

import { basename } from "node:path";
import { mapReduce } from "shoal";

export default mapReduce({
  map: (file, contents) =>
    [...new Set(contents.match(/\p{L}+/gu) ?? [])].map((word) => [word, basename(file)] as const),
  reduce: (_word, files) => files.sort().join(","),
  partitions: 10,
});
