// Functions on every core: one call, many calls, and results kept on disk.
//
//   node examples/09-functions.mjs

import { connect, memo } from "shoal";

const shoal = await connect();
const { primesBetween } = shoal.use(new URL("./10-primes.ts", import.meta.url));

console.log(await primesBetween(0, 10_000)); // one call, on some core

const ranges = Array.from({ length: 20 }, (_, n) => n * 50_000);
let sum = 0;
for await (const count of shoal.map(primesBetween, ranges, { ordered: false })) sum += count; // many
console.log(sum);

console.log(await memo(primesBetween)(0, 1_000_000)); // from the cache, the second time that this program runs
await shoal.close();
