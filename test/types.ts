// Types flow from source to sink without annotations. Checked by the compiler (`tsc --noEmit` in `npm test`): a type
// that is not exactly the expected one, or an expected error that does not come, fails it.

import { connect, job, mapReduce, read, type Dataset, type Job, type Sink } from "../src/index.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const exactly = <A, B>(_isEqual: Equal<A, B>): void => {};
type RecordOf<D> = D extends Dataset<infer T> ? T : never;
type ResultOf<S> = S extends Sink<infer R> ? R : never;

const lines = read.lines("a.txt");
exactly<RecordOf<typeof lines>, string>(true);

const files = read.files(["a", "b"]);
exactly<RecordOf<typeof files>, [name: string, contents: string]>(true);

const values = read.values([{ id: 1, tags: ["x"] }]);
exactly<RecordOf<typeof values>, { id: number; tags: string[] }>(true);

const lengths = lines.map((line) => line.length);
exactly<RecordOf<typeof lengths>, number>(true);

const awaited = lines.map(async (line) => ({ line }));
exactly<RecordOf<typeof awaited>, { line: string }>(true);

const words = lines.flatMap((line) => line.match(/[a-z]+/g) ?? []);
exactly<RecordOf<typeof words>, string>(true);

const generated = lines.flatMap(function* (line) {
  yield line.length;
});
exactly<RecordOf<typeof generated>, number>(true);

const present = read.values([1, null, 2]).filter((value): value is number => value !== null);
exactly<RecordOf<typeof present>, number>(true);

const counts = words.countByValue();
exactly<RecordOf<typeof counts>, [string, number]>(true);

const keyed = lines.keyBy((line) => line.length);
exactly<RecordOf<typeof keyed>, [number, string]>(true);
exactly<RecordOf<ReturnType<typeof keyed.groupByKey<number, string>>>, [number, string[]]>(true);

const grouped = keyed.groupByKey();
exactly<RecordOf<typeof grouped>, [number, string[]]>(true);

const countedKeys = keyed.countByKey();
exactly<RecordOf<typeof countedKeys>, [number, number]>(true);

const sorted = keyed.sortByKey({ descending: true });
exactly<RecordOf<typeof sorted>, [number, string]>(true);

const sums = lines.map((line) => [line, 1.5] as const).reduceByKey((a, b) => a + b);
exactly<RecordOf<typeof sums>, [string, number]>(true);

const collected = sums.collect();
exactly<ResultOf<typeof collected>, [string, number][]>(true);
const counted = sums.count();
exactly<ResultOf<typeof counted>, number>(true);

// @ts-expect-error -- records that are no pairs have no keys
lines.countByKey();
// @ts-expect-error -- nor can they be grouped
lengths.groupByKey();
// @ts-expect-error -- the fold must return what it folds
sums.reduceByKey((a, b) => `${a}${b}`);
// @ts-expect-error -- there is no such operator
lines.mapp((line: string) => line);

const sample = job(
  { input: "a", limit: 10, verbose: false, tags: ["x"] },
  ({ input, limit, verbose, tags }) => {
    exactly<typeof input, string>(true);
    exactly<typeof limit, number>(true);
    exactly<typeof verbose, boolean>(true);
    exactly<typeof tags, readonly string[]>(true);
    return read.lines(input).collect();
  },
);

export async function program(): Promise<void> {
  await using shoal = await connect();
  const { value } = await shoal.run(sample, { input: "b", limit: 5 });
  exactly<typeof value, string[]>(true);
  // @ts-expect-error -- a parameter of another type
  await shoal.run(sample, { limit: "5" });
  // @ts-expect-error -- a parameter that the job does not have
  await shoal.run(sample, { inputs: "b" });

  const classic = mapReduce({
    map: (file, contents) => contents.split(" ").map((word) => [word, file] as const),
    combine: (word, names) => `${word}${names.length}`,
    reduce: (_word, names) => names.length,
  });
  const ran = await shoal.run(classic, { input: ["a", "b"], output: "c" });
  exactly<typeof ran.value, void>(true);
}

// @ts-expect-error -- a plan must end in a sink
const unfinished: Job = job({ input: "a" }, ({ input }) => read.lines(input));
void unfinished;
