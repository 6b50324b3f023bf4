// An aggregate by key, from lines of `station;temperature`, with a counter for the lines that are none.
//
//   npx shoal run examples/05-average-by-key.ts --input 'weather/*.csv' --output averages

import { job, read, taskContext } from "shoal";

interface Tally {
  readonly sum: number;
  readonly count: number;
}

export default job({ input: "weather/*.csv", output: "averages" }, ({ input, output }) =>
  read
    .lines(input)
    .flatMap((line): [string, Tally][] => {
      const [station, text] = line.split(";");
      const temperature = Number(text);
      if (station && text && Number.isFinite(temperature)) return [[station, { sum: temperature, count: 1 }]];
      taskContext().count("lines that are no measurement");
      return [];
    })
    .reduceByKey((a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }))
    .map(([station, { sum, count }]) => [station, (sum / count).toFixed(1), count] as const)
    .write.tsv(output),
);
