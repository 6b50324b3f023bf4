// Sorts lines of any size of input: global order over all output files, which are written in parallel.
//
//   npx shoal run examples/06-sort.ts --input big.txt --output sorted --partitions 8

import { job, read } from "shoal";

export default job({ input: "big.txt", output: "sorted" }, ({ input, output }) =>
  read
    .lines(input)
    .keyBy((line) => line)
    .sortByKey()
    .map(([, line]) => line)
    .write.text(output),
);
