// Where datasets begin: `read.<name>(…)` for each source of the list (sources/list.ts), and sources by name.

import type { Source } from "./contract.ts";
import * as list from "./sources/list.ts";

type List = typeof list;

export const sources: readonly Source[] = Object.values(list).map(({ source }) => source);

const byName = new Map(sources.map((source) => [source.name, source]));

export const sourceNamed = (name: string): Source | undefined => byName.get(name);

/** Where a dataset begins: `read.lines("books/*.txt")`. */
export const read = Object.fromEntries(Object.entries(list).map(([name, file]) => [name, file.read])) as {
  readonly [Name in keyof List]: List[Name]["read"];
};
