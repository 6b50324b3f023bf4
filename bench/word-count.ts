import { job, read } from "shoal";
import { words } from "./words.mjs";

export default job({ input: "", output: "" }, ({ input, output }) =>
  read.lines(input).flatMap(words).countByValue().write.tsv(output),
);
