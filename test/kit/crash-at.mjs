// For NODE_OPTIONS=--import: the process dies by SIGKILL right before the CRASH_AT-th change that its main thread makes
// in the file system. So every state that a crash can leave is reached, one after the other.
//
// With CRASH_LOG, each change is written to that file, so that a test knows how many there are, and which.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

const at = Number(process.env.CRASH_AT ?? 0);
const log = process.env.CRASH_LOG;
let changes = 0;
let isTelling = false;

function change(what) {
  if (isTelling) return;
  isTelling = true;
  changes++;
  if (log !== undefined) fs.appendFileSync(log, `${changes} ${what}\n`);
  isTelling = false;
  if (changes === at) process.kill(process.pid, "SIGKILL");
}

function watch(object, name, isChange = () => true) {
  const real = object[name];
  object[name] = function (...args) {
    if (isChange(...args) && !(args[0] <= 2))
      change(`${name} ${typeof args[0] === "number" ? "" : String(args[0])}`);
    return real.apply(this, args);
  };
}

if (isMainThread) {
  const opensToWrite = (_path, flags) => typeof flags === "string" && /[wa+]/.test(flags);
  const changing = [
    "renameSync",
    "rmSync",
    "mkdirSync",
    "writeFileSync",
    "writeSync",
    "truncateSync",
    "ftruncateSync",
    "linkSync",
    "unlinkSync",
    "fdatasync",
  ];
  for (const name of changing) watch(fs, name);
  watch(fs, "openSync", opensToWrite);
  for (const name of ["rename", "rm", "rmdir", "mkdir", "writeFile", "link", "unlink", "truncate"])
    watch(fs.promises, name);
  watch(fs.promises, "open", opensToWrite);
  syncBuiltinESMExports();
}
