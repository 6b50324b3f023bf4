// The list of sinks. To add one: one small file, one line here. The file merges its method's type into Dataset or
// Writers (plan/dataset.ts); the method itself is installed by sinks.ts.

export { collect } from "./collect.ts";
export { count } from "./count.ts";
export { text } from "./text.ts";
export { tsv } from "./tsv.ts";
