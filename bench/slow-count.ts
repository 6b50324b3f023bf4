// A word count that takes its time: for whoever wants to see a job at work.
import { job, read } from "shoal";

const never = new Int32Array(new SharedArrayBuffer(4));

export default job({ input: "text.txt", output: "out", pauseMs: 0.1 }, ({ input, output, pauseMs }) =>
  read
    .lines(input)
    .flatMap((line) => {
      Atomics.wait(never, 0, 0, pauseMs);
      return line.split(" ");
    })
    .countByValue()
    .write.tsv(output),
);
