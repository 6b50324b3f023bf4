// The list of operators. To add one: one small file, one line here.
//
// Exports rather than an array, so that the types that the files merge into Dataset are seen by whoever sees this list.

export { countByKey } from "./count-by-key.ts";
export { countByValue } from "./count-by-value.ts";
export { filter } from "./filter.ts";
export { flatMap } from "./flat-map.ts";
export { groupByKey } from "./group-by-key.ts";
export { keyBy } from "./key-by.ts";
export { map } from "./map.ts";
export { reduceByKey } from "./reduce-by-key.ts";
export { sortByKey } from "./sort-by-key.ts";
export { spreadMap, spreadReduce } from "./classic.ts";
