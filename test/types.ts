// Types flow from source to sink without annotations. Checked by the compiler (`tsc --noEmit` in `npm test`): a type
// that is not exactly the expected one, or an expected error that does not come, fails it.

import {
  any,
  connect,
  hedge,
  job,
  mapReduce,
  memo,
  move,
  race,
  read,
  shared,
  type Dataset,
  type Job,
  type MapOptions,
  type MapOutcome,
  type MapResults,
  type Sink,
} from "../src/index.ts";
import type { Photo } from "./fixtures/typed-module.ts";

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

// Functions

export async function functions(): Promise<void> {
  await using shoal = await connect();
  const fns = shoal.use<typeof import("./fixtures/typed-module.ts")>(
    new URL("./fixtures/typed-module.ts", import.meta.url),
  );
  const photo: Photo = { width: 1 };

  // Results are promised, once.
  const resized = fns.resize(photo);
  exactly<typeof resized, Promise<Uint8Array>>(true);
  const loaded = fns.load("a");
  exactly<typeof loaded, Promise<Photo>>(true);
  const twice = fns.twice();
  exactly<typeof twice, Promise<string>>(true);
  const maybe = fns.maybe("a");
  exactly<typeof maybe, Promise<number | null>>(true);
  const nothing = fns.nothing();
  exactly<typeof nothing, Promise<void>>(true);
  const never = fns.never();
  exactly<typeof never, Promise<never>>(true);
  const anything = fns.anything(1);
  // oxlint-disable-next-line no-explicit-any -- it is any
  exactly<typeof anything, Promise<any>>(true);
  const main = fns.default(1);
  exactly<typeof main, Promise<string>>(true);
  // What can be iterated and is a value stays one.
  const entries = fns.entries();
  exactly<typeof entries, Promise<Map<string, number>>>(true);

  // Generators and async iterables stream, promised ones too.
  const words = fns.words("a b");
  exactly<typeof words, AsyncGenerator<string, void, undefined>>(true);
  const rows = fns.rows();
  exactly<typeof rows, AsyncGenerator<{ id: number }, void, undefined>>(true);
  const later = fns.later();
  exactly<typeof later, AsyncGenerator<bigint, void, undefined>>(true);
  for await (const chunk of fns.stream()) exactly<typeof chunk, Uint8Array>(true);

  // Arguments are those of the module, options keep the type.
  const quick = fns.resize.with({ priority: 5, deadlineMs: 100 });
  exactly<typeof quick, typeof fns.resize>(true);
  await quick(move(photo), 200);
  await memo(fns.resize)(photo, 200);
  // @ts-expect-error -- an argument of another type
  await fns.resize("photo");
  // @ts-expect-error -- one argument too many
  await fns.resize(photo, 1, 2);
  // @ts-expect-error -- there is no such function
  fns.resise(photo);
  // @ts-expect-error -- a value is no function
  fns.limit();
  // @ts-expect-error -- nor is a class
  fns.Account();
  // @ts-expect-error -- there is no such option
  fns.resize.with({ timeoutMs: 5 });
  exactly<keyof typeof fns & ("limit" | "Account"), never>(true);

  // map(): the item is the first argument, the result what the function gives.
  const thumbs = shoal.map(fns.resize, [photo]);
  exactly<typeof thumbs, MapResults<Uint8Array>>(true);
  for await (const thumb of thumbs) exactly<typeof thumb, Uint8Array>(true);
  const photos = await shoal.map(fns.load, new Set(["a"]), { ordered: false, onError: "skip" }).toArray();
  exactly<typeof photos, Photo[]>(true);
  const outcomes = shoal.map(fns.maybe, fns.words("a b"), { onError: "collect" });
  exactly<typeof outcomes, MapResults<MapOutcome<number | null>>>(true);
  for await (const outcome of outcomes) {
    if (outcome.ok) exactly<typeof outcome.value, number | null>(true);
    else exactly<typeof outcome.error, unknown>(true);
    exactly<typeof outcome.index, number>(true);
  }
  const options: MapOptions = {};
  const either = shoal.map(fns.maybe, ["a"], options);
  exactly<typeof either, MapResults<number | null | MapOutcome<number | null>>>(true);
  const count = await thumbs.forEach((thumb, index) => thumb[index]);
  exactly<typeof count, number>(true);
  // @ts-expect-error -- items of another type
  shoal.map(fns.resize, ["photo"]);
  // @ts-expect-error -- a function of this thread
  shoal.map((n: number) => n, [1]);
  // @ts-expect-error -- there is no such policy
  shoal.map(fns.maybe, ["a"], { onError: "ignore" });

  const winner = race([(signal) => fns.load.with({ signal })("a"), () => fns.load("b")]);
  exactly<typeof winner, Promise<Photo>>(true);
  const first = any([() => fns.maybe("a")]);
  exactly<typeof first, Promise<number | null>>(true);
  const hedged = hedge((signal) => fns.load.with({ signal })("a"), { afterMs: 20 });
  exactly<typeof hedged, Promise<Photo>>(true);
  const table = shared(new Float64Array(8));
  exactly<typeof table, Float64Array<ArrayBuffer>>(true);
  // @ts-expect-error -- only bytes and typed arrays can be shared
  shared([1, 2]);
}
