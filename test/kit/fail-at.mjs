// For NODE_OPTIONS=--import: one of the main thread's file system calls fails, and all of its kind after it.
//
// FAIL_AT=fdatasync:1:EIO: the first fdatasync, and every later one.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

const [name, at, code] = (process.env.FAIL_AT ?? "").split(":");
let calls = 0;

if (isMainThread && name !== "") {
  const real = fs[name];
  fs[name] = function (...args) {
    const isOurs =
      typeof args[0] === "number" &&
      args[0] > 2 &&
      /\/journal-\d+\.log$/.test(fs.readlinkSync(`/proc/self/fd/${args[0]}`));
    if (!isOurs || ++calls < Number(at)) return real.apply(this, args);
    const error = Object.assign(new Error(`${code}: injected by the test`), { code });
    const done = args.at(-1);
    if (typeof done !== "function") throw error;
    setImmediate(done, error);
    return undefined;
  };
  syncBuiltinESMExports();
}
