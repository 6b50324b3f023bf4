import { job, read } from "shoal";

export default job({ input: "", output: "" }, ({ input, output }) =>
  read
    .lines(input)
    .map((line) => [line, line.length] as const)
    .sortByKey()
    .write.tsv(output),
);
