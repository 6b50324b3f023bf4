// Async functions where you would await: here each record waits for a file. Records keep their order.
//
//   npx shoal run examples/08-async.ts --dir docs

import { readFile } from "node:fs/promises";
import { job, read } from "shoal";

export default job({ dir: "docs", files: ["a.md", "b.md"] }, ({ dir, files }) =>
  read
    .values(files)
    .map(async (name) => [name, (await readFile(`${dir}/${name}`, "utf8")).split("\n").length] as const)
    .collect(),
);
