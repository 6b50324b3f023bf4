// Lines joined with the lines that begin as they end: what a join of two tables is, by tags.
import { job, read } from "shoal";

export default job({ input: "", output: "" }, ({ input, output }) =>
  read
    .lines(input)
    .flatMap((line) => {
      const words = line.split(" ");
      const begins = words.slice(0, 2).join(" ");
      const ends = words.slice(-2).join(" ");
      const left: [string, { isLeft: boolean; line: string }] = [ends, { isLeft: true, line }];
      const right: typeof left = [begins, { isLeft: false, line }];
      return [left, right];
    })
    .groupByKey()
    .flatMap(([key, rows]) =>
      rows.flatMap((left) =>
        left.isLeft
          ? rows
              .filter((right) => !right.isLeft)
              .map((right) => [key, `${left.line.length} ${right.line.length}`] as const)
          : [],
      ),
    )
    .write.tsv(output),
);
