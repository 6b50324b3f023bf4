import { job, read } from "shoal";

/** One task a line (with `--split-size 16`), each waiting `ms`. */
export default job({ input: "input.txt", ms: 50 }, ({ input, ms }) =>
  read
    .lines(input)
    .map(async (line) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return line;
    })
    .count(),
);
