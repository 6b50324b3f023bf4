// The list of sources. To add one: one small file, one line here. `read` (sources.ts) follows from the list.

export { files } from "./files.ts";
export { lines } from "./lines.ts";
export { values } from "./values.ts";
