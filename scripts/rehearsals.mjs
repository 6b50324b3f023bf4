// What `npm run rehearse` runs. Loaded into each of them as well, so that what threw is told from what missed its target.

/** The exit code of a program that threw. */
export const thrown = 70;

process.on("uncaughtExceptionMonitor", () =>
  process.once("exit", () => {
    process.exitCode = thrown;
  }),
);

/**
 * One for each program: `args` make it small, `needs` are commands that must be on PATH.
 *
 * @type {{ file: string, args?: string[], needs?: string[], root?: boolean }[]}
 */
export const rehearsals = [
  { file: "bench/calls.mjs", args: ["--rounds", "1"] },
  { file: "bench/calls/tails.mjs", args: ["--seconds", "2", "--systems", "shoal"] },
  {
    file: "bench/cluster.mjs",
    args: ["--rounds", "1", "--size", "8"],
    needs: ["nats-server", "redis-server", "dask-scheduler"],
  },
  { file: "bench/coordinator.mjs", args: ["--tasks", "20000", "--workers", "10"] },
  { file: "bench/dispatcher.mjs", args: ["--calls", "20000", "--waiting", "1000"] },
  { file: "bench/each.mjs", args: ["--rounds", "1", "--jobs", "50"], needs: ["parallel"] },
  {
    file: "bench/idle.mjs",
    args: ["--workers", "1", "--seconds", "2", "--beating", "50"],
    needs: ["nats-server"],
  },
  { file: "bench/journal.mjs", args: ["--tasks", "500", "--ms", "1"] },
  { file: "bench/memo.mjs", args: ["--calls", "500", "--entries", "500"] },
  { file: "bench/memory.mjs", args: ["--size", "16", "--keys", "50000", "--memory", "64m"] },
  { file: "bench/relay.mjs", args: ["--rounds", "1"], needs: ["nats-server"] },
  { file: "bench/run.mjs", args: ["--size", "8", "--rounds", "1"] },
  { file: "bench/shared.mjs", args: ["--megabytes", "4"], needs: ["nats-server"] },
  { file: "bench/shuffle.mjs" },
  { file: "bench/shuffle-memory.mjs", args: ["--tasks", "1"] },
  { file: "bench/startup.mjs", args: ["--rounds", "1"] },
  { file: "bench/straggler.mjs" },
  { file: "bench/tails-sim.mjs", args: ["--calls", "5000"] },
  { file: "bench/what-if.mjs", args: ["--size", "8", "--rounds", "1"] },
  { file: "scripts/sim.mjs", args: ["--seeds", "100"] },
  { file: "test/chaos/calls.mjs", args: ["--calls", "20000"] },
  { file: "test/chaos/chaos.mjs", args: ["--size", "8", "--kills", "2"] },
  { file: "test/chaos/cluster.mjs", args: ["--size", "8", "--kills", "3"], needs: ["nats-server"] },
  { file: "test/chaos/flips.mjs", args: ["--flips", "1000"] },
  { file: "test/chaos/frames.mjs", args: ["--count", "2000"] },
  { file: "test/chaos/leaders.mjs", args: ["--kills", "2"], needs: ["nats-server"] },
  {
    file: "test/chaos/namespaces.mjs",
    args: ["--only", "same", "--size", "4"],
    needs: ["nats-server", "ip"],
    root: true,
  },
];
