#!/usr/bin/env node
// The command `shoal`: gives it this process.

import { loadApi } from "./api.ts";
import { exitCodes } from "./exit-codes.ts";
import { shoal } from "./shoal.ts";

// A terminal that has gone away must not turn a finished job into a crash.
process.stderr.on("error", () => {});
process.on("uncaughtException", (error) => {
  process.exitCode = exitCodes.internal;
  void import("./failure-text.ts")
    .then(({ failureLines }) => {
      const lines = failureLines(error, { debug: process.env["SHOAL_DEBUG"] === "1" });
      process.stderr.write(`${lines.join("\n")}\n`);
    })
    .finally(() => process.exit(exitCodes.internal));
});

const { stdout, stderr, env } = process;
process.exitCode = await shoal(process.argv.slice(2), { stdout, stderr, env, signals: process, loadApi });
