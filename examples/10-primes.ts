// A module whose functions run in slots: nothing in it knows that. See 09-functions.mjs.

/** How many primes there are from `from` to `to`, by default 50,000 further on. */
export function primesBetween(from: number, to: number = from + 50_000): number {
  let count = 0;
  for (let n = Math.max(2, from); n < to; n++) if (isPrime(n)) count++;
  return count;
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}
