// The list of sources. To add one: one small file in sources/, one line here. `read` follows from the list.

import type { Source } from "./contract.ts";
import { files } from "./sources/files.ts";
import { lines } from "./sources/lines.ts";
import { values } from "./sources/values.ts";

const list = {
  lines,
  files,
  values,
};

type List = typeof list;

export const sources: readonly Source[] = Object.values(list).map(({ source }) => source);

const byName = new Map(sources.map((source) => [source.name, source]));

export const sourceNamed = (name: string): Source | undefined => byName.get(name);

/** Where a dataset begins: `read.lines("books/*.txt")`. */
export const read = Object.fromEntries(Object.entries(list).map(([name, file]) => [name, file.read])) as
  { readonly [Name in keyof List]: List[Name]["read"] };
