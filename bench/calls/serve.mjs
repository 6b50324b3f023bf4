// As serve() of functions.ts, for the peers.
const never = new Int32Array(new SharedArrayBuffer(4));
const clock = () => performance.timeOrigin + performance.now();
export function serve(ms) {
  const began = clock();
  if (ms > 0.2) Atomics.wait(never, 0, 0, ms - 0.15);
  while (clock() < began + ms);
  return clock() - began;
}
